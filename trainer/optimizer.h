// Optimizers over the flat buffers: libtorch's fused kernels for the dense part, own row-wise updates for embedding tables.
#pragma once

#include <map>
#include <memory>
#include <string>

#include <ATen/core/Tensor.h>

#include "core/options.h"
#include "models/artifact/safetensors.h"
#include "trainer/flat_layout.h"

namespace cohort::trainer {

struct AdamWOptions {
  double rate = 1e-3;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0.01;
  double embedding_weight_decay = 0;
  static void describe(core::Describe<AdamWOptions>& d);
};

struct SgdOptions {
  double rate = 0.1;
  double momentum = 0.9;
  bool nesterov = false;
  double weight_decay = 0;
  double embedding_weight_decay = 0;
  static void describe(core::Describe<SgdOptions>& d);
};

const core::Alternatives& optimizer_alternatives();  ///< adamw, sgd: for the `[optimizer]` table

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

std::unique_ptr<Optimizer> make_optimizer(const core::Choice& choice, const FlatLayout& layout);

/// Scales `gradient`'s parameters and tables so that their global norm is at most `max_norm`; returns the norm before. Squares are summed a tensor at a
/// time in double, then in buffer order. Not finite: nothing is scaled.
double clip_gradient(const FlatLayout& layout, float* gradient, double max_norm);

}  // namespace cohort::trainer
