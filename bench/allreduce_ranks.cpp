// Cohort's side of allreduce_vs_peers.py: allreduce_ranks buffer|copied, under mpirun.
#include <cstring>
#include <vector>

#include "bench/allreduce_sizes.h"
#include "core/comm/comm_buffer.h"

int main(int argc, char** argv) {
  using namespace cohort;
  const auto comm = core::make_communicator();
  comm->share_memory();
  const bool own_memory = argc > 1 && std::strcmp(argv[1], "copied") == 0;
  std::unique_ptr<core::CommBuffer> buffer;
  std::vector<float> memory;
  return bench::time_all_reduce({
      .rank = comm->rank(),
      .ranks = comm->size(),
      .buffer = [&](std::size_t floats) -> std::span<float> {
        if (own_memory) {
          memory.resize(floats);
          return memory;
        }
        buffer = comm->buffer(floats * sizeof(float));
        return buffer->values<float>();
      },
      .all_reduce =
          [&](std::span<float> values) {
            if (own_memory) return comm->all_reduce(values, core::Reduction::kSum);
            buffer->all_reduce<float>(0, values.size());
          },
      .barrier = [&] { comm->barrier(); },
  });
}
