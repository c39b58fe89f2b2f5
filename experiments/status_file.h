// `status.json`: what a watcher sees of a run that goes on.
#pragma once

#include <filesystem>
#include <string_view>

#include <nlohmann/json.hpp>

#include "trainer/sink.h"

namespace cohort::experiments {

/// {"state", "attempt", "time", and from the first step on "step", "total_steps", "epoch", "loss", "rows_per_second", "seconds_left", "times": {"shares", "remainder", "exposed_communication"},
/// "bottleneck": {"kind", "rank", "share", "sentence", "remedy"}, "memory_bytes" and "memory_peak_bytes": [by rank]}. `time` is when it was written, in seconds since 1970; numbers that aren't known
/// are null. A view, not a record: replaced whole, at most once a second, not synced, and a disk that is full doesn't end the run.
class StatusFile {
 public:
  explicit StatusFile(std::filesystem::path run);

  /// "starting", "training", "evaluating", "publishing", "finished", "stopped" or "failed": written at once.
  void state(std::string_view state, int attempt);
  void training(const trainer::TrainingStatus& status, int attempt);

 private:
  void write();

  std::filesystem::path run_;
  nlohmann::ordered_json status_;
  double written_ = 0;
};

}  // namespace cohort::experiments
