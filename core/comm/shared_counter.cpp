#include "core/comm/shared_counter.h"

#include "core/comm/futex.h"

namespace cohort::core {
namespace {

constexpr int kCounterSleepMilliseconds = 100;

}  // namespace

void SharedCounter::publish(uint32_t value) {
  // The order of these two and of the two in wait() keeps a sleeper from being missed: one side sees the other's store.
  value_.store(value, std::memory_order_seq_cst);
  if (sleepers_.load(std::memory_order_seq_cst) != 0) futex_wake_all(value_);
}

void SharedCounter::wait(uint32_t value, int spins) {
  for (int spin = 0; spin < spins; ++spin) {
    if (reached(value)) return;
    pause_cpu();
  }
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  const uint32_t seen = value_.load(std::memory_order_seq_cst);
  if (static_cast<int32_t>(seen - value) < 0) futex_sleep(value_, seen, kCounterSleepMilliseconds);
  sleepers_.fetch_sub(1, std::memory_order_seq_cst);
}

}  // namespace cohort::core
