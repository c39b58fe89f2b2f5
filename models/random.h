// The only source of random numbers a net may use.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace cohort::models {

/// Numbers keyed by (seed, step, lane, call number): the same wherever the lane is computed. One object a lane and step.
class Random {
 public:
  Random(uint64_t seed, uint64_t step, int64_t lane, bool training)
      : seed_(seed), step_(step), lane_(lane), training_(training) {}
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
};

}  // namespace cohort::models
