// Averages of the weights over steps: what is evaluated and kept instead of the last ones.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/options.h"

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
  /// `weights`: views of the parts that this rank keeps (OwnedParts); averages are laid out alike.
  WeightAverage(const AveragingOptions& options, uint64_t steps_per_epoch, std::vector<at::Tensor> weights);

  /// After a step: `steps` are done in all.
  void after_step(uint64_t steps);
  /// Whether there is an average.
  bool any() const { return taken_ > 0; }
  /// Puts the average in place of the weights, or the weights back in place of the average.
  void swap();

  /// For checkpoints: none where nothing is averaged; and how many weights the average holds.
  std::vector<at::Tensor>& parts() { return average_; }
  uint64_t taken() const { return taken_; }
  void set_taken(uint64_t taken) { taken_ = taken; }

 private:
  AveragingOptions options_;
  uint64_t steps_per_epoch_;
  uint64_t taken_ = 0;
  std::vector<at::Tensor> weights_, average_;
};

}  // namespace cohort::trainer
