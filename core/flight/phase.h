// What a rank's main thread spends its time on.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cohort::core {

/// Every moment of the main thread belongs to exactly one. Numbers are part of the flight file's format.
enum class Phase : uint8_t {
  kOther,          ///< none of these: the remainder
  kStart,          ///< up to the first step
  kDataWait,       ///< waiting for rows
  kCopy,           ///< rows become batches
  kLookup,         ///< embedding rows, without waiting for those of other ranks
  kForward,
  kBackward,
  kCommunication,  ///< what nothing hides of it: sums, waiting for other ranks
  kOptimizer,
  kCheckpoint,     ///< what training stands still for: the snapshot, and the writer where it isn't done with the one before
  kEvaluation,
  kPublish,        ///< export and proof of the artifact
  kGuard,          ///< hashes and comparisons against silent corruption
  kReport,         ///< ledger, metrics, progress, status
};

inline constexpr std::array<std::string_view, 14> kPhaseNames = {"other",      "start",     "data_wait",  "copy",       "lookup",  "forward", "backward",
                                                                 "communication", "optimizer", "checkpoint", "evaluation", "publish", "guard",   "report"};
inline constexpr std::size_t kPhases = kPhaseNames.size();

inline std::string_view to_string(Phase phase) { return kPhaseNames[static_cast<std::size_t>(phase)]; }

}  // namespace cohort::core
