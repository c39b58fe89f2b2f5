// Stochastic gradient descent with momentum.
#pragma once

#include "trainer/optimizer.h"
#include "trainer/optimizers/flat_ranges.h"
#include "trainer/optimizers/parameter_groups.h"

namespace cohort::trainer {

struct SgdOptions {
  double rate = 0.1;
  double momentum = 0.9;
  bool nesterov = false;
  double weight_decay = 0;
  double embedding_weight_decay = 0;
  std::vector<ParameterGroup> groups;
  static void describe(core::Describe<SgdOptions>& d);
};

/// Tables: on rows seen alone, velocities of other rows standing still.
std::unique_ptr<Optimizer> make_sgd(const SgdOptions& options, DenseShare share);

}  // namespace cohort::trainer
