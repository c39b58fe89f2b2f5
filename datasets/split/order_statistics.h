// Order statistics of numbers that are read block by block, without sorting or keeping them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace cohort::datasets {

/// Gives all numbers, block by block, to the function that it is called with; the same ones at each call.
using KeyBlocks = std::function<void(const std::function<void(std::span<const uint64_t>)>&)>;

/// Selection by counting (the distributive partitioning of Dobosiewicz, "Sorting by distributive partitioning", Information Processing Letters 7,
/// 1978): each pass counts the numbers of every stretch in which a wanted one lies in 2^16 bins, and goes on in the bin that holds it. Two
/// passes for 32 bits, and for 64 bits of which few are used; four at most. Memory: half a MiB for each wanted stretch.
class OrderStatistics {
 public:
  /// Reads the numbers once.
  explicit OrderStatistics(KeyBlocks blocks);
  uint64_t count() const { return count_; }
  /// The numbers that would stand at these places (0 … count()−1, in any order) if all were sorted.
  std::vector<uint64_t> at(std::span<const uint64_t> places) const;

 private:
  KeyBlocks blocks_;
  uint64_t count_ = 0, least_ = UINT64_MAX, most_ = 0;
};

}  // namespace cohort::datasets
