// The `[guard]` table: what a run looks out for, and what it does then.
#pragma once

#include <cstdint>
#include <string>

#include "core/options.h"

namespace cohort::trainer {

struct GuardOptions {
  double timeout = 300;
  int64_t check_every = 100;
  std::string on_divergence = "stop";
  double loss_factor = 0;
  double roll_back_rate = 0.5;
  int64_t most_roll_backs = 3;
  static void describe(core::Describe<GuardOptions>& d);
};

}  // namespace cohort::trainer
