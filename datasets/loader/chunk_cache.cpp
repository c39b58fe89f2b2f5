#include "datasets/loader/chunk_cache.h"

#include <utility>

namespace cohort::datasets {

ChunkCache::ChunkCache(const ChunkReader& reader, Keep keep, MemoryMeter& meter, RowSpill& spill, int loads)
    : reader_(reader), keep_(keep), meter_(meter), spill_(spill), loads_(loads), entries_(reader.grid().chunks()) {}

bool ChunkCache::is_there(const Entry& entry) const {
  return entry.lasting.load(std::memory_order_acquire) != nullptr || entry.offset.load(std::memory_order_acquire) >= 0 || entry.kept;
}

ChunkCache::Found ChunkCache::found(Entry& entry) const {
  if (const std::byte* lasting = entry.lasting.load(std::memory_order_acquire)) return {std::shared_ptr<const std::byte>(std::shared_ptr<void>(), lasting), -1};
  if (const int64_t offset = entry.offset.load(std::memory_order_acquire); offset >= 0) return {nullptr, offset};
  return {entry.kept, -1};
}

/// Room for `bytes`, made by forgetting chunks that nobody holds.
bool ChunkCache::make_room(uint64_t bytes) {
  while (!meter_.reserve(bytes)) {
    if (idle_.empty()) return false;
    Entry& oldest = entries_[idle_.front()];
    idle_.pop_front();
    oldest.kept.reset();
  }
  return true;
}

LoadedChunk ChunkCache::load(std::unique_lock<std::mutex>& lock, std::size_t chunk) {
  Entry& entry = entries_[chunk];
  entry.loading = true;
  changed_.wait(lock, [&] { return loading_ < loads_; });
  ++loading_;
  lock.unlock();
  try {
    LoadedChunk loaded = reader_.load(chunk);
    lock.lock();
    --loading_;
    return loaded;
  } catch (...) {
    lock.lock();
    --loading_;
    entry.loading = false;
    changed_.notify_all();
    throw;
  }
}

/// Reads the chunk and puts it where it belongs. With `room`, reader_.estimate() bytes are reserved for it.
ChunkCache::Found ChunkCache::bring(std::unique_lock<std::mutex>& lock, std::size_t chunk, bool room, bool to_file) {
  Entry& entry = entries_[chunk];
  const uint64_t expected = room ? reader_.estimate(chunk) : 0;
  LoadedChunk loaded;
  try {
    loaded = load(lock, chunk);
  } catch (...) {
    meter_.free(expected);
    throw;
  }
  const uint64_t bytes = loaded.size;
  if (room && bytes <= expected) {
    meter_.free(expected - bytes);
  } else if (room || keep_ == Keep::kAll) {
    // Nothing was reserved, or too little.
    meter_.free(expected);
    room = make_room(bytes);
  }
  Found result;
  if (room && keep_ == Keep::kAll) {
    entry.owned = std::move(loaded.bytes);
    entry.lasting.store(entry.owned.get(), std::memory_order_release);
    result = found(entry);
  } else if (room) {
    const std::byte* const memory = loaded.bytes.get();
    entry.kept = {memory, [&meter = meter_, bytes, owned = std::move(loaded.bytes)](const std::byte*) mutable {
                    owned.reset();
                    meter.free(bytes);
                  }};
    result = found(entry);
  } else {
    if (to_file) {
      lock.unlock();
      const int64_t offset = spill_.append(loaded.bytes.get(), bytes);
      lock.lock();
      if (offset >= 0) entry.offset.store(offset, std::memory_order_release);
      result = found(entry);
    }
    if (result.offset < 0) {
      result.memory = std::move(loaded.bytes);
      entry.passing = result.memory;
      recent_.push_back(result.memory);
      if (recent_.size() > static_cast<std::size_t>(loads_)) recent_.pop_front();
    }
  }
  entry.loading = false;
  changed_.notify_all();
  return result;
}

ChunkCache::Found ChunkCache::get(std::size_t chunk) {
  std::unique_lock lock(mutex_);
  Entry& entry = entries_[chunk];
  for (;;) {
    if (is_there(entry)) return found(entry);
    if (auto passing = entry.passing.lock()) return {std::move(passing), -1};
    if (!entry.loading) break;
    changed_.wait(lock);
  }
  const bool room = keep_ == Keep::kWindows && (std::exchange(entry.reserved, false) || make_room(reader_.estimate(chunk)));
  Found result = bring(lock, chunk, room, keep_ == Keep::kAll);
  if (entry.kept && entry.held == 0) idle_.push_back(chunk);
  return result;
}

bool ChunkCache::hold(std::size_t chunk, bool must) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[chunk];
  if (keep_ == Keep::kWindows && !is_there(entry) && !entry.reserved) {
    entry.reserved = make_room(reader_.estimate(chunk));
    if (!entry.reserved && !must) return false;
  }
  if (entry.held++ == 0 && entry.kept) std::erase(idle_, chunk);
  return true;
}

void ChunkCache::fill(std::size_t chunk) {
  std::unique_lock lock(mutex_);
  Entry& entry = entries_[chunk];
  changed_.wait(lock, [&] { return !entry.loading; });
  if (!is_there(entry)) bring(lock, chunk, std::exchange(entry.reserved, false), true);
  if (std::exchange(entry.reserved, false)) meter_.free(reader_.estimate(chunk));
}

void ChunkCache::release(std::size_t chunk) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[chunk];
  if (--entry.held > 0) return;
  if (entry.kept) idle_.push_back(chunk);
  if (std::exchange(entry.reserved, false)) meter_.free(reader_.estimate(chunk));
}

}  // namespace cohort::datasets
