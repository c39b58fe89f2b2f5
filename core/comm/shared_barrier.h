// A barrier for processes of one machine in memory they share.
#pragma once

#include <atomic>
#include <cstdint>

namespace cohort::core {

/// Lives in shared, zero-initialised memory. Waiting spins `spins` times, for ranks with a core each, then sleeps on a futex, so that more
/// ranks than cores don't take each other's time.
class SharedBarrier {
 public:
  /// All stores made before it by any participant are visible to all after it.
  void arrive_and_wait(uint32_t participants, int spins);

 private:
  alignas(64) std::atomic<uint32_t> arrived_;
  alignas(64) std::atomic<uint32_t> generation_;
  std::atomic<uint32_t> sleepers_;
};

}  // namespace cohort::core
