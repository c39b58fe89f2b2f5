#include "datasets/store/scratch.h"

#include <array>
#include <utility>

namespace cohort::datasets {
namespace {

struct KeptBuffer {
  std::unique_ptr<std::byte[]> memory;
  std::size_t capacity = 0;
};

// Comparing a chunk takes four at once: the values, the chunk of which a part is wanted, the stored bytes, the inflated ones.
std::array<KeptBuffer, 4>& kept_buffers() {
  thread_local std::array<KeptBuffer, 4> kept;
  return kept;
}

}  // namespace

Scratch::Scratch(std::size_t bytes) : size_(bytes) {
  KeptBuffer* best = nullptr;  // the smallest that is large enough
  for (KeptBuffer& buffer : kept_buffers()) {
    if (buffer.memory && buffer.capacity >= bytes && (best == nullptr || buffer.capacity < best->capacity)) best = &buffer;
  }
  if (best != nullptr) {
    memory_ = std::move(best->memory);
    capacity_ = std::exchange(best->capacity, 0);
  } else {
    memory_.reset(new std::byte[bytes]);
    capacity_ = bytes;
  }
}

Scratch::~Scratch() {
  if (capacity_ > kKept) return;
  KeptBuffer* smallest = &kept_buffers().front();
  for (KeptBuffer& buffer : kept_buffers()) {
    if (buffer.capacity < smallest->capacity) smallest = &buffer;
  }
  if (capacity_ <= smallest->capacity) return;
  smallest->memory = std::move(memory_);
  smallest->capacity = capacity_;
}

}  // namespace cohort::datasets
