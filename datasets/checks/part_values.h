// The values of a column in the rows of a split, part by part, read once in stored order.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/philox.h"
#include "datasets/features/training_column.h"
#include "datasets/split/split.h"
#include "datasets/store/dataset.h"

namespace cohort::datasets {

inline constexpr std::array<Part, 3> kParts{Part::kTrain, Part::kValid, Part::kTest};

/// Which rows of each part are looked at where values must be sorted: all of them up to a limit; of more, about as many, drawn by a key
/// of their position in the part.
class RowSample {
 public:
  explicit RowSample(const Split& split, uint64_t limit = kExactRows) : random_(0, "checks.sample") {
    for (const Part part : kParts) {
      const uint64_t rows = split.size(part);
      if (rows > limit) threshold(part) = static_cast<uint64_t>(static_cast<double>(limit) / static_cast<double>(rows) * 0x1p64);
    }
  }
  bool exact(Part part) const { return thresholds_[static_cast<std::size_t>(part)] == UINT64_MAX; }
  bool exact() const { return std::all_of(kParts.begin(), kParts.end(), [this](Part part) { return exact(part); }); }
  bool keeps(Part part, uint64_t position) const {
    return exact(part) || random_.u64(position) < thresholds_[static_cast<std::size_t>(part)];
  }

 private:
  uint64_t& threshold(Part part) { return thresholds_[static_cast<std::size_t>(part)]; }
  core::KeyedRandom random_;
  std::array<uint64_t, 4> thresholds_{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
};

/// Calls read(first, out) for stretches of stored rows, and use(part, position in the part, value) for each row of a part named in
/// `parts`. Memory: one stretch.
template <class T, class Read, class Use>
void each_part_value(const Dataset& dataset, const Split& split, std::span<const Part> parts, Read read, Use use) {
  std::array<uint64_t, 4> next{};
  std::vector<T> stretch;
  while (true) {
    uint64_t lowest = UINT64_MAX;
    for (const Part part : parts) {
      const uint64_t position = next[static_cast<std::size_t>(part)];
      if (position < split.size(part)) lowest = std::min(lowest, split.row(part, position));
    }
    if (lowest == UINT64_MAX) return;
    // Stretches start at multiples of their length, so that few chunks are read twice.
    const uint64_t first = lowest / kFitBlock * kFitBlock, last = std::min(first + kFitBlock, dataset.rows());
    stretch.resize(last - first);
    read(first, std::span<T>(stretch));
    for (const Part part : parts) {
      uint64_t& position = next[static_cast<std::size_t>(part)];
      for (; position < split.size(part) && split.row(part, position) < last; ++position) {
        use(part, position, stretch[split.row(part, position) - first]);
      }
    }
  }
}

}  // namespace cohort::datasets
