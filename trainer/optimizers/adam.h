// Adam (Kingma & Ba, ICLR 2015), AdamW (Loshchilov & Hutter, ICLR 2019) and LAMB (You et al., ICLR 2020).
#pragma once

#include "trainer/optimizer.h"
#include "trainer/optimizers/flat_ranges.h"
#include "trainer/optimizers/parameter_groups.h"

namespace cohort::trainer {

/// What the three share. The decay is a penalty in Adam's gradient, and a shrinking of its own in AdamW and LAMB.
struct MomentOptions {
  double rate = 1e-3;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0;
  double embedding_weight_decay = 0;
  std::vector<ParameterGroup> groups;
};
struct AdamOptions : MomentOptions {
  static void describe(core::Describe<AdamOptions>& d);
};
struct AdamWOptions : MomentOptions {
  AdamWOptions() { weight_decay = 0.01; }
  static void describe(core::Describe<AdamWOptions>& d);
};
struct LambOptions : MomentOptions {
  LambOptions() {
    epsilon = 1e-6;
    weight_decay = 0.01;
  }
  static void describe(core::Describe<LambOptions>& d);
};

/// Tables: on rows seen alone ("lazy"), moments of other rows standing still.
std::unique_ptr<Optimizer> make_adam(const MomentOptions& options, bool decoupled, DenseShare share);
/// Tables are updated as by AdamW: a row has no trust ratio.
std::unique_ptr<Optimizer> make_lamb(const MomentOptions& options, DenseShare share);

}  // namespace cohort::trainer
