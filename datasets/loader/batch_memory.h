// Memory for batches: aligned, and used again.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "datasets/loader/memory_source.h"

namespace cohort::datasets {

/// Memory at a 64-byte boundary.
struct AlignedDelete {
  void operator()(std::byte* memory) const;
};
using AlignedBytes = std::unique_ptr<std::byte[], AlignedDelete>;
AlignedBytes aligned_bytes(std::size_t size);

/// Blocks that come back when the batch that held them is gone. Thread-safe; a block keeps its pool alive.
class BatchMemory : public std::enable_shared_from_this<BatchMemory> {
 public:
  /// Null takes plain memory.
  explicit BatchMemory(std::shared_ptr<MemorySource> source = nullptr) : source_(std::move(source)) {}
  ~BatchMemory();
  BatchMemory(const BatchMemory&) = delete;
  BatchMemory& operator=(const BatchMemory&) = delete;

  /// At least `size` bytes, at a 64-byte boundary.
  std::shared_ptr<std::byte> take(std::size_t size);

 private:
  struct Block {
    std::byte* memory = nullptr;
    std::size_t size = 0;
  };
  std::byte* allocate(std::size_t size);
  void free(std::byte* memory);
  void give_back(Block block);

  std::shared_ptr<MemorySource> source_;
  std::mutex mutex_;
  std::vector<Block> idle_;
};

}  // namespace cohort::datasets
