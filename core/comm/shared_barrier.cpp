#include "core/comm/shared_barrier.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <thread>

namespace cohort::core {
namespace {

// Long enough for ranks that arrive together, short against a time slice.
constexpr int kSpins = 4000;

long futex(std::atomic<uint32_t>* word, int operation, uint32_t value) {
  return syscall(SYS_futex, reinterpret_cast<uint32_t*>(word), operation, value, nullptr, nullptr, 0);
}

inline void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

}  // namespace

void SharedBarrier::arrive_and_wait(uint32_t participants) {
  const uint32_t generation = generation_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == participants) {
    arrived_.store(0, std::memory_order_relaxed);
    generation_.store(generation + 1, std::memory_order_release);
    futex(&generation_, FUTEX_WAKE, INT_MAX);
    return;
  }
  for (int spin = 0; spin < kSpins; ++spin) {
    if (generation_.load(std::memory_order_acquire) != generation) return;
    pause_cpu();
  }
  while (generation_.load(std::memory_order_acquire) == generation) futex(&generation_, FUTEX_WAIT, generation);
}

}  // namespace cohort::core
