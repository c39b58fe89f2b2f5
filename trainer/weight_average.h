// Averages of the weights over steps: what is evaluated and kept instead of the last ones.
#pragma once

#include <cstdint>
#include <string>

#include <ATen/core/Tensor.h>

#include "core/options.h"
#include "models/artifact/safetensors.h"

namespace cohort::trainer {

/// The `[averaging]` table.
struct AveragingOptions {
  std::string name = "none";  ///< none, ema, swa
  double decay = 0.999;       ///< ema: what stays of the average at each step
  int64_t from_epoch = 1;     ///< the first epoch that counts, from 1 on
  static void describe(core::Describe<AveragingOptions>& d);
};

/// ema: average ← d·average + (1 − d)·weights after each step, d = min(decay, (1 + n)/(10 + n)) after n steps averaged, so that the first weights are soon
/// forgotten. swa: the mean of the weights after each epoch (Izmailov et al., UAI 2018). Running statistics are averaged like weights. Local, and the
/// same bits on every rank.
class WeightAverage {
 public:
  WeightAverage(const AveragingOptions& options, uint64_t steps_per_epoch, int64_t value_floats, int64_t state_floats);

  /// After a step: `steps` are done in all.
  void after_step(const at::Tensor& values, const at::Tensor& state, uint64_t steps);
  /// Whether there is an average.
  bool any() const { return taken_ > 0; }
  /// Puts the average in place of the weights, or the weights back in place of the average.
  void swap(at::Tensor& values, at::Tensor& state);

  /// For checkpoints: views (none where nothing is averaged), and how many weights the average holds.
  models::NamedTensors tensors() const;
  uint64_t taken() const { return taken_; }
  void set_taken(uint64_t taken) { taken_ = taken; }

 private:
  AveragingOptions options_;
  uint64_t steps_per_epoch_;
  uint64_t taken_ = 0;
  at::Tensor values_, state_;
};

}  // namespace cohort::trainer
