// What a rank's main thread spends its time on.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cohort::core {

/// Every moment of the main thread belongs to exactly one. Numbers are part of the flight file's format.
enum class Phase : uint8_t { kOther, kStart, kDataWait, kCopy, kLookup, kForward, kBackward, kCommunication, kOptimizer, kCheckpoint, kEvaluation };

inline constexpr std::array<std::string_view, 11> kPhaseNames = {"other",    "start",         "data_wait", "copy",       "lookup",    "forward",
                                                                 "backward", "communication", "optimizer", "checkpoint", "evaluation"};
inline constexpr std::size_t kPhases = kPhaseNames.size();

inline std::string_view to_string(Phase phase) { return kPhaseNames[static_cast<std::size_t>(phase)]; }

}  // namespace cohort::core
