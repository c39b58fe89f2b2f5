// A number that one rank raises and others wait for, in memory they share.
#pragma once

#include <atomic>
#include <cstdint>

namespace cohort::core {

/// Lives in shared, zero-initialised memory. One writer; numbers may wrap around, as long as nobody lags 2^31 behind. What was written to
/// memory before publish() is visible to whoever sees the number.
class SharedCounter {
 public:
  void publish(uint32_t value);
  bool reached(uint32_t value) const { return static_cast<int32_t>(value_.load(std::memory_order_acquire) - value) >= 0; }
  /// Returns when the number is reached, or after some milliseconds without it, so that the caller can look at other things. Spins
  /// `spins` times first: ranks with a core each arrive together; the others' time is not for spinning.
  void wait(uint32_t value, int spins);

 private:
  alignas(64) std::atomic<uint32_t> value_;
  std::atomic<uint32_t> sleepers_;
};

/// How often to look before sleeping when every rank of the node has a core: some tens of microseconds.
inline constexpr int kSpins = 3000;

}  // namespace cohort::core
