// Parts of a diagnosis: who disagrees about calls, who holds a call up.
#pragma once

#include <optional>
#include <vector>

#include "core/flight/diagnosis.h"

namespace cohort::core {

/// The first call that differs between ranks.
struct Disagreement {
  uint64_t call = 0;
  const RankEvidence* rank = nullptr;   ///< who is to blame
  const RankEvidence* other = nullptr;  ///< one that made the call as it should be
  bool left_out = false;                ///< `rank` left out the other's call and made its next one
};
std::optional<Disagreement> find_disagreement(const std::vector<RankEvidence>& ranks);

/// Whether a call that others wait for may be waiting for this rank: it hasn't begun it, or began it and went on to something else, in which
/// it doesn't look.
bool may_hold_up(const RankEvidence& rank, uint64_t call);
/// Of two that may: the one whose calls are fewer, that doesn't wait itself, is stopped, has been where it is for longer.
bool holds_up_rather(const RankEvidence& a, const RankEvidence& b);

}  // namespace cohort::core
