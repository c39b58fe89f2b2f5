#include "trainer/parameter_memory.h"

#include <algorithm>
#include <cstring>

namespace cohort::trainer {

ParameterMemory::ParameterMemory(core::Communicator& comm, int64_t floats) : comm_(comm) {
  const auto n = static_cast<std::size_t>(floats);
  if (comm.size() > 1) window_ = comm.window(comm.is_root() ? std::max<std::size_t>(n, 1) * sizeof(float) : 0);
  if (!window_) own_ = AlignedFloats(n);
  data_ = window_ ? reinterpret_cast<float*>(window_->of(0).data()) : own_.data();
}

ParameterMemory::~ParameterMemory() = default;

void ParameterMemory::publish(const std::vector<std::vector<FlatRange>>& owned) {
  if (comm_.size() == 1) return;
  if (window_) {
    window_->fence();
    return;
  }
  core::Bytes mine;
  for (const FlatRange& range : owned[static_cast<std::size_t>(comm_.rank())]) {
    const auto bytes = std::as_bytes(std::span(data_ + range.begin, static_cast<std::size_t>(range.floats)));
    mine.insert(mine.end(), bytes.begin(), bytes.end());
  }
  const std::vector<core::Bytes> all = comm_.all_gather(mine);
  for (std::size_t r = 0; r < all.size(); ++r) {
    std::size_t at = 0;
    for (const FlatRange& range : owned[r]) {
      const std::size_t bytes = static_cast<std::size_t>(range.floats) * sizeof(float);
      std::memcpy(data_ + range.begin, all[r].data() + at, bytes);
      at += bytes;
    }
  }
}

}  // namespace cohort::trainer
