// Versions of this program and of the message layer it was built with.
#pragma once

#include <string>

namespace cohort::core {

std::string version();
/// e.g. "Open MPI v4.1.4, …, 2022"
std::string mpi_version();

}  // namespace cohort::core
