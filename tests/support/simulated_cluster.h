// Many ranks, each on a node of its own, in one process and in virtual time: messages are late, overtake each other, and ranks die, all by a
// seed. What runs above the Communicator is production code.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "core/comm/communicator.h"
#include "tests/support/virtual_schedule.h"

namespace cohort::tests {

struct Cluster {
  int ranks = 4;
  VirtualTime compute = 200;            ///< up to this long between a rank's calls
  VirtualTime delay = 1000;             ///< up to this long a message takes; one of sixteen takes up to fifty times as long
  int deaths = 0;                       ///< ranks that die, at most, each at a moment before `death_before`, perhaps between two of its messages
  VirtualTime death_before = 20'000;
  VirtualTime patience = 10'000'000;    ///< a rank that has waited so long for another throws Error (failed)
};

/// How the run of one rank ended.
struct Ending {
  bool died = false;                  ///< by the seed's will, or because another rank called abort()
  std::optional<core::Error> error;  ///< what it threw
  VirtualTime time = 0;
  bool finished() const { return !died && !error; }
};

struct Simulation {
  std::vector<Ending> ranks;
  uint64_t trace = 0;  ///< equal for equal runs
  bool any_died() const;
};

/// Runs `work` on every rank. Exceptions other than core::Error count as such.
Simulation simulate(uint64_t seed, const Cluster& cluster, const std::function<void(core::Communicator& comm)>& work);

/// Runs `check` for the usual number of seeds, or COHORT_SEEDS of them, or for COHORT_SEED alone; a failed one is named, with how to repeat it.
void for_seeds(const std::function<void(uint64_t seed)>& check, uint64_t usual = 60);

}  // namespace cohort::tests
