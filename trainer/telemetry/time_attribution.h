// Where the time of training went: each moment of each rank's main thread belongs to one phase (core/flight/phase.h).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "core/comm/communicator.h"
#include "core/flight/phase.h"

namespace cohort::trainer {

/// One rank, over some steps. Seconds.
struct RankTime {
  double wall = 0;
  std::array<double, core::kPhases> phases{};  ///< they add up to `wall`
  uint64_t memory_bytes = 0, memory_peak = 0;  ///< of the process: resident now, and at most so far

  double of(core::Phase phase) const { return phases[static_cast<std::size_t>(phase)]; }
  /// Not waiting for other ranks.
  double busy() const { return wall - of(core::Phase::kCommunication); }
};

/// All ranks, over the same steps.
struct TimeAttribution {
  uint64_t steps = 0;
  std::vector<RankTime> ranks;

  bool empty() const { return ranks.empty() || !(wall() > 0); }
  /// Of the rank that took longest.
  double wall() const;
  /// Part of the ranks' time, 0 to 1: the mean over ranks.
  double share(core::Phase phase) const;
  /// What belongs to no phase.
  double remainder() const { return share(core::Phase::kOther); }
  /// The rank that waits least for others. What it waits all the same is communication that nothing hides; what the others wait beyond that, they wait for it.
  std::size_t last_to_arrive() const;
  /// Part of the time: waiting for other ranks that nothing hides, without that for a rank that is late on the whole.
  double exposed_communication() const;
};

/// Collective. Every rank's `mine`, on all ranks. All ranks' steps are equal.
TimeAttribution gather_times(core::Communicator& comm, const RankTime& mine, uint64_t steps);

/// {"steps", "seconds", "shares": {phase: mean over ranks}, "remainder", "exposed_communication", "ranks": [{"seconds": {phase: s}, "memory_bytes", "memory_peak_bytes"}]}.
nlohmann::ordered_json to_json(const TimeAttribution& times);

}  // namespace cohort::trainer
