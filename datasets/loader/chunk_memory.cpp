#include "datasets/loader/chunk_memory.h"

#include <algorithm>
#include <cstdint>
#include <new>

#include <sys/mman.h>

#include "datasets/loader/batch_memory.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kMappedAtOnce = std::size_t{16} << 20;

constexpr std::size_t multiple_of(std::size_t unit, std::size_t bytes) { return (bytes + unit - 1) / unit * unit; }

}  // namespace

ChunkMemory::ChunkMemory(std::size_t slot, std::size_t most)
    : slot_(multiple_of(64, slot)), at_once_(slot == 0 ? 0 : std::clamp<std::size_t>(kMappedAtOnce / slot_, 1, std::max<std::size_t>(most, 1))) {}

ChunkMemory::~ChunkMemory() {
  for (const Mapping& mapping : mappings_) munmap(mapping.start, mapping.bytes);
}

void ChunkMemory::map_slots() {
  // Mapped with one page to spare, and what lies outside of the huge pages given back.
  const std::size_t bytes = multiple_of(kHugePage, at_once_ * slot_);
  void* const mapped = mmap(nullptr, bytes + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  const auto address = reinterpret_cast<uintptr_t>(mapped);
  std::byte* const start = static_cast<std::byte*>(mapped) + (multiple_of(kHugePage, address) - address);
  const std::size_t before = static_cast<std::size_t>(start - static_cast<std::byte*>(mapped));
  if (before > 0) munmap(mapped, before);
  if (before < kHugePage) munmap(start + bytes, kHugePage - before);
  madvise(start, bytes, MADV_HUGEPAGE);  // without it, all is well but slower
  mappings_.push_back({start, bytes});
  for (std::size_t i = at_once_; i-- > 0;) idle_.push_back(start + i * slot_);
}

std::shared_ptr<std::byte> ChunkMemory::take(std::size_t size) {
  if (size > slot_) return {aligned_bytes(size).release(), AlignedDelete()};
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) map_slots();
  std::byte* const slot = idle_.back();
  idle_.pop_back();
  return {slot, [self = shared_from_this()](std::byte* memory) {
            const std::lock_guard giving_back(self->mutex_);
            self->idle_.push_back(memory);
          }};
}

}  // namespace cohort::datasets
