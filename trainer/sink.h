// Where the trainer writes what it finds out. Runs implement it.
#pragma once

#include <cstdint>
#include <string>

#include "datasets/loader/row_sum.h"
#include "trainer/telemetry/time_attribution.h"

namespace cohort::trainer {

/// Where training stands. Times are those gathered last, some tens of steps ago.
struct TrainingStatus {
  uint64_t step = 0, total_steps = 0, epoch = 0;
  double loss = 0;
  double rows_per_second = 0;
  double seconds_left = 0;  ///< at the speed so far, evaluation and checkpoints counted in; NaN where it isn't known
  const TimeAttribution* times = nullptr;
};

/// Called on rank 0 alone. Throwing ends the run.
class Sink {
 public:
  virtual ~Sink() = default;
  /// A figure: `split` is train, valid or test; `value` may be NaN.
  virtual void metric(uint64_t step, uint64_t epoch, const std::string& split, const std::string& name, double value) = 0;
  /// Training goes on with this step: at the start, after a checkpoint was taken up, or once more after it went back to one.
  virtual void begin(uint64_t step) = 0;
  /// The rows that all ranks used in a step, in the order of steps.
  virtual void rows(uint64_t step, uint64_t epoch, const datasets::RowSum& sum) = 0;
  /// Returns when all that was told is on disk: before a checkpoint stands.
  virtual void sync() = 0;
  /// After every step.
  virtual void status(const TrainingStatus& status) = 0;
};

/// Of ranks other than 0.
class NoSink final : public Sink {
 public:
  void metric(uint64_t, uint64_t, const std::string&, const std::string&, double) override {}
  void begin(uint64_t) override {}
  void rows(uint64_t, uint64_t, const datasets::RowSum&) override {}
  void sync() override {}
  void status(const TrainingStatus&) override {}
};

}  // namespace cohort::trainer
