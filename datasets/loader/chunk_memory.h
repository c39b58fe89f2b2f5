// Memory for chunks: slots of one size, cut from huge pages and used again.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace cohort::datasets {

/// Rows are fetched from chunks in random order: with huge pages neither that nor filling them waits for the page tables. Thread-safe.
class ChunkMemory : public std::enable_shared_from_this<ChunkMemory> {
 public:
  /// Slots of `slot` bytes, mapped some at a time, at most `most` at once. With slot 0 each chunk gets memory of its own: for chunks that differ in size.
  ChunkMemory(std::size_t slot, std::size_t most);
  ~ChunkMemory();
  ChunkMemory(const ChunkMemory&) = delete;
  ChunkMemory& operator=(const ChunkMemory&) = delete;

  /// At least `size` bytes at a 64-byte boundary, with anything in them. What doesn't fit into a slot gets memory of its own.
  std::shared_ptr<std::byte> take(std::size_t size);

 private:
  void map_slots();

  struct Mapping {
    void* start = nullptr;
    std::size_t bytes = 0;
  };
  const std::size_t slot_, at_once_;
  std::mutex mutex_;
  std::vector<Mapping> mappings_;
  std::vector<std::byte*> idle_;
};

}  // namespace cohort::datasets
