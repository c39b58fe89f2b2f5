// A run's recorders and watchdogs.
#pragma once

#include <filesystem>
#include <memory>

#include "core/comm/communicator.h"
#include "core/flight/watchdog.h"

namespace cohort::core {

/// From the moment the experiment is read each rank's waits are bounded; once the folder is made its recorder lies in `logs/flight-<rank>.bin`, and whoever
/// hangs or dies is named.
class FlightGuard {
 public:
  /// Local.
  FlightGuard(Communicator& comm, double timeout_seconds);
  /// Collective. `attempt` is rank 0's. Throws Error (failed), on all ranks, where a file can't be made.
  void watch(const std::filesystem::path& run, int attempt);

 private:
  Communicator& comm_;
  double timeout_seconds_;
  Watchdog watchdog_;
};

}  // namespace cohort::core
