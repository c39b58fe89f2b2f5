#include "trainer/parameter_memory.h"

#include <algorithm>
#include <cstring>
#include <numeric>

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
  std::vector<std::size_t> sizes;
  for (const std::vector<FlatRange>& ranges : owned) {
    sizes.push_back(0);
    for (const FlatRange& range : ranges) sizes.back() += static_cast<std::size_t>(range.floats) * sizeof(float);
  }
  core::Bytes all(std::accumulate(sizes.begin(), sizes.end(), std::size_t{0}));
  comm_.start_all_gather(std::span<const std::byte>(mine), std::span<std::byte>(all), sizes).wait();
  const std::byte* from = all.data();
  for (const std::vector<FlatRange>& ranges : owned) {
    for (const FlatRange& range : ranges) {
      const std::size_t bytes = static_cast<std::size_t>(range.floats) * sizeof(float);
      std::memcpy(data_ + range.begin, from, bytes);
      from += bytes;
    }
  }
}

}  // namespace cohort::trainer
