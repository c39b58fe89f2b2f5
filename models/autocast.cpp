#include "models/autocast.h"

#include <ATen/autocast_mode.h>

namespace cohort::models {

Precision precision_named(const std::string& name) {
  return name == "bf16" ? Precision::kBFloat16 : name == "fp16" ? Precision::kFloat16 : Precision::kFloat32;
}

Autocast::Autocast(Precision precision, c10::DeviceType device) : device_(device), on_(precision != Precision::kFloat32), cached_(at::autocast::is_autocast_cache_enabled()) {
  if (!on_) return;
  at::autocast::set_autocast_dtype(device_, precision == Precision::kBFloat16 ? at::kBFloat16 : at::kHalf);
  at::autocast::set_autocast_cache_enabled(false);
  at::autocast::set_autocast_enabled(device_, true);
}

Autocast::~Autocast() {
  if (!on_) return;
  at::autocast::set_autocast_enabled(device_, false);
  at::autocast::set_autocast_cache_enabled(cached_);
}

bool autocast_is_on() { return at::autocast::is_autocast_enabled(at::kCPU); }

}  // namespace cohort::models
