// Transformed chunks in memory and, beyond the bound, in a file.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include "datasets/io/row_spill.h"
#include "datasets/loader/memory_meter.h"
#include "datasets/loader/row_chunks.h"

namespace cohort::datasets {

/// Thread-safe. A chunk is read and transformed once, however many threads ask for it; at most `loads` are at a time.
class ChunkCache {
 public:
  enum class Keep {
    kAll,      ///< every chunk stays: in memory up to the bound, beyond it in the file
    kWindows,  ///< chunks stay while they are held, and after that as long as there is room
  };
  /// Where a chunk's bytes are: in memory, which stays as long as this does, or at an offset of the file.
  struct Found {
    std::shared_ptr<const std::byte> memory;
    int64_t offset = -1;
  };

  /// The reader, meter and file must outlive it.
  ChunkCache(const ChunkReader& reader, Keep keep, MemoryMeter& meter, RowSpill& spill, int loads);

  /// Memory of a chunk that stays for good, or null. Never waits.
  const std::byte* lasting(std::size_t chunk) const { return entries_[chunk].lasting.load(std::memory_order_acquire); }
  /// Its offset in the file, or −1. Never waits.
  int64_t spilled(std::size_t chunk) const { return entries_[chunk].offset.load(std::memory_order_acquire); }
  /// Brings a chunk in where it isn't there; waits for another thread that does. Throws Error (damaged, failed).
  Found get(std::size_t chunk);
  /// Takes room for a chunk, which stays from fill() on until release() was called as often as this. With `must` the chunk goes to the file where
  /// memory has no room; else nothing is done then, and the result is false. Doesn't wait for reading.
  bool hold(std::size_t chunk, bool must);
  /// Brings a chunk in that is held.
  void fill(std::size_t chunk);
  void release(std::size_t chunk);

 private:
  struct Entry {
    std::atomic<const std::byte*> lasting{nullptr};
    std::atomic<int64_t> offset{-1};
    std::shared_ptr<const std::byte> owned;
    // Under the mutex:
    std::shared_ptr<const std::byte> kept;    ///< counted by the meter
    std::weak_ptr<const std::byte> passing;   ///< there was no room for it, but somebody still reads it
    bool loading = false;
    bool reserved = false;  ///< the meter holds room for it
    int held = 0;
  };
  bool is_there(const Entry& entry) const;
  Found found(Entry& entry) const;
  bool make_room(uint64_t bytes);
  LoadedChunk load(std::unique_lock<std::mutex>& lock, std::size_t chunk);
  Found bring(std::unique_lock<std::mutex>& lock, std::size_t chunk, bool room, bool to_file);

  const ChunkReader& reader_;
  const Keep keep_;
  MemoryMeter& meter_;
  RowSpill& spill_;
  const int loads_;
  std::deque<Entry> entries_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::size_t> idle_;                               ///< kept and not held, the oldest first
  std::deque<std::shared_ptr<const std::byte>> recent_;        ///< the last ones that passed: their rows are often asked for in a row
  int loading_ = 0;
};

}  // namespace cohort::datasets
