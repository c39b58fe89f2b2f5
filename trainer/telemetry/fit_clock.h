// Takes the time of training, over all ranks.
#pragma once

#include <array>
#include <cstdint>

#include "core/flight/recorder.h"
#include "trainer/telemetry/time_attribution.h"

namespace cohort::trainer {

/// `step` is always the number of steps done, those of attempts before included.
class FitClock {
 public:
  explicit FitClock(core::Communicator& comm);

  /// `step` comes next. Once.
  void begin(uint64_t step);
  /// Collective, after each step: now and then all ranks' times are gathered, at steps that every rank knows.
  void after_step(uint64_t step);
  /// Collective. Since begin().
  const TimeAttribution& gather(uint64_t step);
  /// Since begin(), as gathered last.
  const TimeAttribution& latest() const { return latest_; }

 private:
  core::Communicator& comm_;
  uint64_t first_step_ = 0;
  std::array<int64_t, core::kPhases> begun_{};  ///< the recorder's figures at begin()
  TimeAttribution latest_;
};

}  // namespace cohort::trainer
