// The work of waiting_ranks.py: steps of computing and of collectives, the same total work on any number of ranks. Prints seconds as JSON.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "core/comm/comm_buffer.h"

namespace {

/// Work for a core that needs no memory.
float compute(int64_t units) {
  float x = 0.5F;
  for (int64_t unit = 0; unit < units; ++unit) x = 0.5F + 0.4F * x * (1 - x);
  return x;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace cohort::core;
  const auto comm = make_communicator();
  comm->share_memory();
  const int steps = argc > 1 ? std::atoi(argv[1]) : 200;
  const int64_t units = argc > 2 ? std::atoll(argv[2]) : 8'000'000;  // a step's, of all ranks
  constexpr std::size_t kFloats = 65536;
  const auto buffer = comm->buffer(kFloats * sizeof(float));
  std::vector<float> gathered(1024 * static_cast<std::size_t>(comm->size())), mine(1024);
  float kept = 0;
  comm->barrier();
  const auto start = std::chrono::steady_clock::now();
  for (int step = 0; step < steps; ++step) {
    kept += compute(units / comm->size());
    for (float& value : buffer->values<float>()) value = 1;
    buffer->all_reduce<float>(0, kFloats);
    if (buffer->values<float>()[static_cast<std::size_t>(step)] != static_cast<float>(comm->size())) return 1;
    int64_t one = 1;
    comm->sum({&one, 1});
    if (one != comm->size()) return 1;
    comm->all_gather(std::span<const float>(mine), std::span(gathered));
  }
  comm->barrier();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (comm->is_root()) std::printf("{\"seconds\": %.6f, \"ranks\": %d, \"kept\": %g}\n", seconds, comm->size(), static_cast<double>(kept));
  return 0;
}
