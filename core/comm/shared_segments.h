// Segments of shared memory, one of each rank of a node, mapped by all of them.
#pragma once

#include <memory>
#include <vector>

#include "core/comm/communicator.h"
#include "core/comm/shared_memory.h"

namespace cohort::core {

/// Collective over all ranks of `comm`, whatever their nodes. Every rank makes a segment of `bytes` (they may differ) and maps those of
/// `ranks`, which are on its machine, itself among them; [i] is ranks[i]'s. A machine short of shared memory is an Error on all ranks.
std::vector<SharedMemory> share_segments(Communicator& comm, const std::vector<int>& ranks, std::size_t bytes);

/// Collective. A window over such segments, for a communicator whose ranks are all on one machine.
std::unique_ptr<Window> make_shared_window(Communicator& comm, std::size_t bytes);

/// Collective. How many cores the processes of `ranks`, which are on this rank's machine, may use together.
int cores_of(Communicator& comm, const std::vector<int>& ranks);

}  // namespace cohort::core
