// The learning rate over a run.
#pragma once

#include <cstdint>

#include "core/options.h"

namespace cohort::trainer {

/// The `[schedule]` table: the shape is chosen by `name`; warm-up applies to all.
struct ScheduleOptions {
  std::string name = "constant";  ///< constant, cosine, inverse_sqrt, one_cycle, plateau, polynomial, step
  double warmup_epochs = 0;       ///< the rate climbs linearly from 0
  double final_factor = 0;        ///< cosine, polynomial, one_cycle: the last rate as a multiple of the highest
  double power = 1;               ///< polynomial: 1 is a straight line
  double peak_at = 0.3;           ///< one_cycle: where the rate is highest, as a share of the steps after warm-up
  double initial_factor = 0.04;   ///< one_cycle: the first rate as a multiple of the highest
  double factor = 0.1;            ///< step, plateau: the rate is multiplied by this
  int64_t every = 10;             ///< step: epochs between two
  int64_t patience = 5;           ///< plateau: evaluations without a better metric
  static void describe(core::Describe<ScheduleOptions>& d);
};

/// The factor that multiplies the base rate. A value: its state is what a checkpoint keeps.
class Schedule {
 public:
  Schedule(const ScheduleOptions& options, uint64_t steps_per_epoch, uint64_t total_steps);
  double factor(uint64_t step) const;
  /// After an evaluation: whether the watched metric got better.
  void observe(bool improved);

  struct State {
    double plateau = 1;
    int64_t bad = 0;
  };
  State state;

 private:
  ScheduleOptions options_;
  uint64_t steps_per_epoch_, total_steps_, warmup_;
};

}  // namespace cohort::trainer
