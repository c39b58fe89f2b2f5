// Bytes that a thread needs for a moment, again and again.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace cohort::datasets {

/// Uninitialised bytes from the calling thread's own stock, given back at the end of the block, so that decoding chunk after chunk
/// allocates nothing. A thread keeps a few buffers of at most kKept bytes. To be destroyed by the thread that made it.
class Scratch {
 public:
  static constexpr std::size_t kKept = 4 << 20;

  explicit Scratch(std::size_t bytes);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::span<std::byte> bytes() const { return {memory_.get(), size_}; }

 private:
  std::unique_ptr<std::byte[]> memory_;
  std::size_t capacity_ = 0;
  std::size_t size_ = 0;
};

}  // namespace cohort::datasets
