// The peer's side of allreduce_vs_peers.py: MPI_Allreduce in place, under mpirun.
#define OMPI_SKIP_MPICXX 1
#include <mpi.h>

#include <cstdlib>
#include <vector>

#include "bench/allreduce_sizes.h"

namespace {

void check(int code) {
  if (code != MPI_SUCCESS) std::abort();
}

}  // namespace

int main(int argc, char** argv) {
  check(MPI_Init(&argc, &argv));
  cohort::bench::AllReduceSide side{};
  check(MPI_Comm_rank(MPI_COMM_WORLD, &side.rank));
  check(MPI_Comm_size(MPI_COMM_WORLD, &side.ranks));
  std::vector<float> memory;
  side.buffer = [&](std::size_t floats) {
    memory.resize(floats);
    return std::span(memory);
  };
  side.all_reduce = [](std::span<float> values) {
    check(MPI_Allreduce(MPI_IN_PLACE, values.data(), static_cast<int>(values.size()), MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD));
  };
  side.barrier = [] { check(MPI_Barrier(MPI_COMM_WORLD)); };
  const int status = cohort::bench::time_all_reduce(side);
  check(MPI_Finalize());
  return status;
}
