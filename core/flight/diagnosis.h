// Who is to blame: from what all ranks' recorders say.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "core/flight/flight_file.h"

namespace cohort::core {

enum class Culprit : uint8_t { kNone, kMissingCall, kMismatch, kDead, kOutOfMemory, kSlowReader, kStraggler, kFailed };
/// "none", "missing_call", "mismatch", "dead", "out_of_memory", "slow_reader", "straggler", "failed".
std::string_view to_string(Culprit culprit);

enum class Life : uint8_t { kUnknown, kRunning, kStopped, kGone };

/// What is known of a rank.
struct RankEvidence {
  FlightSnapshot flight;
  Life life = Life::kUnknown;
  int64_t now_ns = 0;      ///< its clock at this moment; its last heartbeat where that isn't known
  bool oom_killed = false; ///< the kernel has killed for want of memory in its control group since it started
};

struct Diagnosis {
  Culprit culprit = Culprit::kNone;
  int rank = -1;  ///< -1: no single one
  std::string host;
  int64_t pid = 0;
  std::string phase, operation;  ///< what it was in; operation is empty where there was none
  uint64_t step = 0;
  std::string sentence, remedy;
  bool told = false;  ///< the rank ends with a message of its own, which says the same; not in the JSON
};

/// A pure function. Ranks wait for each other all the time: only waits of at least `patience_ns` count while all are alive.
///
/// The order of looking: calls of one number that differ between ranks (a call left out, or another one made), a rank that is gone without a last word, a rank's own
/// failure, who holds up the call that others wait for, who waits for data.
Diagnosis diagnose(const std::vector<RankEvidence>& ranks, int64_t patience_ns);

/// "all-reduce of 4096 float (sum)", "broadcast of 8 bytes from rank 0", "receive of 100 bytes from rank 2".
std::string describe_operation(std::string_view name, uint64_t count, uint32_t detail);
/// What the rank waits for; empty where it doesn't wait.
std::string waiting_text(const FlightSnapshot& flight);

nlohmann::ordered_json to_json(const Diagnosis& diagnosis);
/// Throws nlohmann::json::exception for what to_json doesn't write.
Diagnosis diagnosis_from_json(const nlohmann::json& json);
/// Sentence and remedy, as on a terminal.
std::string to_text(const Diagnosis& diagnosis);

}  // namespace cohort::core
