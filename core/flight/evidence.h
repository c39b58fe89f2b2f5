// What can be found out now about the ranks whose recorders were read.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "core/flight/diagnosis.h"

namespace cohort::core {

/// Looks for the ranks' processes. Of another machine's nothing is known but the last heartbeat: after a minute without one, by the machines' clocks of the day, it counts
/// as gone.
std::vector<RankEvidence> look_for_ranks(const Flights& flights);

/// `logs/culprit-<attempt>.json`: what a rank's watchdog wrote down when it ended the attempt.
std::filesystem::path culprit_path(const std::filesystem::path& run, int attempt);
/// Creates it; false when another rank has. Where it can't be written at all it counts as this rank's.
bool claim_culprit(const std::filesystem::path& run, int attempt, const Diagnosis& diagnosis);
/// Nothing where there is none, or where it isn't whole.
std::optional<Diagnosis> read_culprit(const std::filesystem::path& run, int attempt);

}  // namespace cohort::core
