#include "datasets/loader/batch_memory.h"

#include <algorithm>
#include <new>
#include <utility>

namespace cohort::datasets {
namespace {

constexpr std::align_val_t kLine{64};
constexpr std::size_t kMostIdle = 64;

}  // namespace

void AlignedDelete::operator()(std::byte* memory) const { ::operator delete[](memory, kLine); }

AlignedBytes aligned_bytes(std::size_t size) {
  return AlignedBytes(static_cast<std::byte*>(::operator new[](std::max<std::size_t>(size, 1), kLine)));
}

std::shared_ptr<std::byte> BatchMemory::take(std::size_t size) {
  Block block;
  {
    const std::lock_guard lock(mutex_);
    const auto fits = std::find_if(idle_.begin(), idle_.end(), [&](const Block& b) { return b.size >= size; });
    if (fits != idle_.end()) {
      block = std::move(*fits);
      idle_.erase(fits);
    }
  }
  if (!block.memory) block = {aligned_bytes(size), size};
  std::byte* const start = block.memory.release();
  return {start, [pool = shared_from_this(), kept = block.size](std::byte* memory) { pool->give_back({AlignedBytes(memory), kept}); }};
}

void BatchMemory::give_back(Block block) {
  Block dropped;
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(block));
  if (idle_.size() <= kMostIdle) return;
  dropped = std::move(idle_.front());
  idle_.erase(idle_.begin());
}

}  // namespace cohort::datasets
