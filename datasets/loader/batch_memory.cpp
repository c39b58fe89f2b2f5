#include "datasets/loader/batch_memory.h"

#include <algorithm>
#include <new>

namespace cohort::datasets {
namespace {

constexpr std::align_val_t kLine{64};
constexpr std::size_t kMostIdle = 64;

}  // namespace

void AlignedDelete::operator()(std::byte* memory) const { ::operator delete[](memory, kLine); }

AlignedBytes aligned_bytes(std::size_t size) {
  return AlignedBytes(static_cast<std::byte*>(::operator new[](std::max<std::size_t>(size, 1), kLine)));
}

BatchMemory::~BatchMemory() {
  for (const Block& block : idle_) free(block.memory);
}

std::byte* BatchMemory::allocate(std::size_t size) { return source_ ? source_->allocate(size) : aligned_bytes(size).release(); }

void BatchMemory::free(std::byte* memory) {
  if (source_) source_->free(memory);
  else AlignedDelete()(memory);
}

std::shared_ptr<std::byte> BatchMemory::take(std::size_t size) {
  Block block;
  {
    const std::lock_guard lock(mutex_);
    const auto fits = std::find_if(idle_.begin(), idle_.end(), [&](const Block& b) { return b.size >= size; });
    if (fits != idle_.end()) {
      block = *fits;
      idle_.erase(fits);
    }
  }
  if (block.memory == nullptr) block = {allocate(size), size};
  return {block.memory, [pool = shared_from_this(), kept = block.size](std::byte* memory) { pool->give_back({memory, kept}); }};
}

void BatchMemory::give_back(Block block) {
  Block dropped;
  {
    const std::lock_guard lock(mutex_);
    idle_.push_back(block);
    if (idle_.size() > kMostIdle) {
      dropped = idle_.front();
      idle_.erase(idle_.begin());
    }
  }
  if (dropped.memory != nullptr) free(dropped.memory);
}

}  // namespace cohort::datasets
