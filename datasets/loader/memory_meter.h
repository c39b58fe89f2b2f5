// What a loader holds, counted against the bound that the experiment declares.
#pragma once

#include <atomic>
#include <cstdint>

namespace cohort::datasets {

/// Thread-safe.
class MemoryMeter {
 public:
  explicit MemoryMeter(uint64_t bound) : bound_(bound) {}

  /// Takes so many bytes, unless that would go beyond the bound.
  bool reserve(uint64_t bytes);
  /// Takes bytes without which nothing works. Beyond the bound a warning says so, once.
  void add(uint64_t bytes);
  void free(uint64_t bytes) { used_.fetch_sub(bytes); }

  uint64_t bound() const { return bound_; }
  uint64_t used() const { return used_.load(); }
  uint64_t peak() const { return peak_.load(); }

 private:
  void note(uint64_t used);

  uint64_t bound_;
  std::atomic<uint64_t> used_{0}, peak_{0};
  std::atomic<bool> warned_{false};
};

}  // namespace cohort::datasets
