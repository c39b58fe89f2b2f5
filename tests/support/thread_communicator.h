// Threads of one process that act as ranks: collective code under a debugger, a sanitizer, and without mpirun. Collectives are the
// production code of one node, over memory that the threads share.
#pragma once

#include <functional>

#include "core/comm/communicator.h"

namespace cohort::tests {

/// Whether the ranks see each other's memory, as on one node, or have to send messages, as over several.
enum class Windows { kShared, kNone };

/// Runs `work` on `ranks` threads, each with its communicator. When any of them throws, the others are let go at their next collective
/// call, and the lowest rank's own error is thrown here.
void run_ranks(int ranks, const std::function<void(core::Communicator& comm)>& work, Windows windows = Windows::kShared);

}  // namespace cohort::tests
