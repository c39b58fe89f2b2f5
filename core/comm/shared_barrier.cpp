#include "core/comm/shared_barrier.h"

#include "core/comm/futex.h"

namespace cohort::core {

void SharedBarrier::arrive_and_wait(uint32_t participants, int spins) {
  const uint32_t generation = generation_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == participants) {
    arrived_.store(0, std::memory_order_relaxed);
    // As in SharedCounter: the order of these two and of the two below keeps a sleeper from being missed.
    generation_.store(generation + 1, std::memory_order_seq_cst);
    if (sleepers_.load(std::memory_order_seq_cst) != 0) futex_wake_all(generation_);
    return;
  }
  for (int spin = 0; spin < spins; ++spin) {
    if (generation_.load(std::memory_order_acquire) != generation) return;
    pause_cpu();
  }
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  while (generation_.load(std::memory_order_seq_cst) == generation) futex_sleep(generation_, generation, 1000);
  sleepers_.fetch_sub(1, std::memory_order_seq_cst);
}

}  // namespace cohort::core
