#include "models/autocast.h"

#include <ATen/autocast_mode.h>

namespace cohort::models {

Precision precision_named(const std::string& name) {
  return name == "bf16" ? Precision::kBFloat16 : name == "fp16" ? Precision::kFloat16 : Precision::kFloat32;
}

Autocast::Autocast(Precision precision) : on_(precision != Precision::kFloat32), cached_(at::autocast::is_autocast_cache_enabled()) {
  if (!on_) return;
  at::autocast::set_autocast_dtype(at::kCPU, precision == Precision::kBFloat16 ? at::kBFloat16 : at::kHalf);
  at::autocast::set_autocast_cache_enabled(false);
  at::autocast::set_autocast_enabled(at::kCPU, true);
}

Autocast::~Autocast() {
  if (!on_) return;
  at::autocast::set_autocast_enabled(at::kCPU, false);
  at::autocast::set_autocast_cache_enabled(cached_);
}

bool autocast_is_on() { return at::autocast::is_autocast_enabled(at::kCPU); }

}  // namespace cohort::models
