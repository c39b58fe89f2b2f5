// The only source of random numbers a net may use.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace cohort::models {

/// Writes the numbers of a stream where tensors lie that aren't this processor's. Whoever makes the Random gives one.
class DeviceNumbers {
 public:
  virtual ~DeviceNumbers() = default;
  /// `out`: float32, contiguous. The stream of core::KeyedRandom(seed, "forward", step, stream), from its beginning: the step is the one that the device computes.
  virtual void fill_mask(at::Tensor& out, uint64_t seed, uint32_t stream, float keep, float value) = 0;
  virtual void fill_uniform(at::Tensor& out, uint64_t seed, uint32_t stream) = 0;
};

/// Numbers keyed by (seed, step, lane, call number): the same wherever the lane is computed. One object a lane and step.
class Random {
 public:
  Random(uint64_t seed, uint64_t step, int64_t lane, bool training, DeviceNumbers* device = nullptr)
      : seed_(seed), step_(step), lane_(lane), training_(training), device_(device) {}
  /// For scoring: dropout is the identity.
  static Random inactive() { return Random(0, 0, 0, false); }

  bool training() const { return training_; }
  /// x with each entry kept with probability 1 − p and divided by it; x itself outside training or for p = 0.
  at::Tensor dropout(const at::Tensor& x, double p);
  /// Uniform numbers in [0, 1) in the shape of x.
  at::Tensor uniform_like(const at::Tensor& x);

 private:
  uint64_t seed_, step_;
  int64_t lane_;
  uint32_t calls_ = 0;
  bool training_;
  DeviceNumbers* device_;
};

}  // namespace cohort::models
