// The communicator of the tests below tests/ranks, which run under mpirun.
#pragma once

#include "core/comm/communicator.h"

namespace cohort::tests {

/// All ranks; made and destroyed by mpi_main.cpp. Under mpirun `mpi`, else `self`.
core::Communicator& world();

}  // namespace cohort::tests
