// Optimizers over the flat buffers: libtorch's fused kernels for the dense part, own updates of the rows seen for embedding tables.
#pragma once

#include <cstdint>
#include <memory>

#include <ATen/core/Tensor.h>

#include "core/options.h"
#include "models/artifact/safetensors.h"
#include "trainer/flat_layout.h"

namespace cohort::trainer {

const core::Alternatives& optimizer_alternatives();  ///< adam, adamw, adagrad, lamb, sgd: for the `[optimizer]` table

/// Local; every rank makes the same step on the same bits.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  virtual double base_rate() const = 0;
  /// One update of `values` [parameter_floats] from `gradient` (a vector of FlatLayout::gradient_floats()) at rate `rate`. Tables update the
  /// rows seen in the step alone; `step` counts from 0.
  virtual void step(at::Tensor& values, float* gradient, uint64_t step, double rate) = 0;
  /// The state to checkpoint: views.
  virtual models::NamedTensors state() const = 0;
};

/// Throws Error (usage) for a group that no parameter belongs to. The layout must outlive the optimizer.
std::unique_ptr<Optimizer> make_optimizer(const core::Choice& choice, const FlatLayout& layout);

/// Scales `gradient`'s parameters and tables so that their global norm is at most `max_norm`; returns the norm before. Squares are summed a tensor at a
/// time in double, then in buffer order. Not finite: nothing is scaled.
double clip_gradient(const FlatLayout& layout, float* gradient, double max_norm);

}  // namespace cohort::trainer
