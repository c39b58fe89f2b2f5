#include "core/version.h"

#define OMPI_SKIP_MPICXX 1
#include <mpi.h>

namespace cohort::core {

std::string version() { return COHORT_VERSION; }

std::string mpi_version() {
  // May be called before MPI is started.
  char text[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  if (MPI_Get_library_version(text, &length) != MPI_SUCCESS) return "unknown";
  std::string version(text, static_cast<std::size_t>(length));
  return version.substr(0, version.find(", package"));
}

}  // namespace cohort::core
