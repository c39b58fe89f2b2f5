// Every operation of a communicator, over types, sizes, in place or not, blocking or as a request, with inputs whose results are exact.
#pragma once

#include "core/comm/communicator.h"

namespace cohort::tests {

/// Collective. Runs the whole matrix; failures are GoogleTest's. `large`: with vectors of several MiB too.
void check_collectives(core::Communicator& comm, bool large = true);

/// Collective. Requests that overlap, are waited for in another order than they were started, or are given up.
void check_requests(core::Communicator& comm);

}  // namespace cohort::tests
