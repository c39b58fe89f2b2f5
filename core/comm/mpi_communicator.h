// The transport over MPI, and ways to make more of them than the one of a run, for tests.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/comm/communicator.h"

namespace cohort::core {

/// Collective over all processes. A communicator over all ranks of an `mpi` one (which must outlive it) that believes its ranks to lie on
/// nodes of so many ranks each, in rank order: "2" nodes of two, "1,3" one of one and one of three. The last number repeats. What is really
/// on several machines stays so. The variable COHORT_RANKS_PER_NODE does the same to a whole run. Memory is shared already.
std::unique_ptr<Communicator> make_pretended_nodes(Communicator& world, const std::string& ranks_per_node);

/// Parses COHORT_RANKS_PER_NODE; Error (usage) where it isn't numbers of at least 1, separated by commas. Empty: none.
std::vector<int> parse_ranks_per_node(const std::string& text);

}  // namespace cohort::core
