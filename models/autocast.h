// Lower precision in a net's forward and backward pass: libtorch's autocast.
#pragma once

#include <string>

#include <c10/core/DeviceType.h>

namespace cohort::models {

enum class Precision { kFloat32, kBFloat16, kFloat16 };

/// Of "fp32", "bf16" or "fp16".
Precision precision_named(const std::string& name);

/// While it lives, this thread's products read their operands rounded to the precision and give results in it; parameters stay float32, and their
/// gradients reach them as float32. To be set around forward alone: backward follows the types that forward chose. float32 changes nothing. Every use of a
/// parameter is rounded anew: libtorch's cache of rounded parameters is shared by all threads, and emptying it in one would change gradients in another.
class Autocast {
 public:
  explicit Autocast(Precision precision, c10::DeviceType device = c10::DeviceType::CPU);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  c10::DeviceType device_;
  bool on_, cached_;
};

/// Whether this thread computes in lower precision on processors: kernels for float32 alone must then stand back.
bool autocast_is_on();

}  // namespace cohort::models
