// The values of a column in the rows of a split, part by part, read once in stored order.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "datasets/split/split.h"
#include "datasets/split/stretches.h"
#include "datasets/store/dataset.h"

namespace cohort::datasets {

inline constexpr std::array<Part, 3> kParts{Part::kTrain, Part::kValid, Part::kTest};

/// Which rows of each part are looked at where values must be sorted: all of them up to a limit; of more, about as many, drawn by a key
/// of their position in the part. Drawn once for all columns; then read-only, so any number of threads may ask. A bit a row.
class RowSample {
 public:
  RowSample(const Split& split, uint64_t limit);
  bool exact(Part part) const { return thresholds_[static_cast<std::size_t>(part)] == UINT64_MAX; }
  bool exact() const { return kept_.empty(); }
  /// Of a stored row that belongs to one of kParts.
  bool keeps(uint64_t row) const { return kept_.empty() || (kept_[row / 64] >> row % 64 & 1) != 0; }

 private:
  std::array<uint64_t, 4> thresholds_{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
  std::vector<uint64_t> kept_;  ///< empty where all rows are
};

/// Calls read(first, out) for stretches of stored rows that hold rows of the parts named, and use(part, stored row, value) for each of these rows,
/// in stored order. Memory: one stretch.
template <class T, class Read, class Use>
void each_part_value(const Dataset& dataset, const Split& split, std::span<const Part> parts, Read read, Use use) {
  std::array<bool, 4> named{};
  for (const Part part : parts) named[static_cast<std::size_t>(part)] = true;
  const PartMap& map = split.parts();
  std::vector<T> stretch;
  each_stretch(dataset, [&](uint64_t first, uint64_t rows) {
    if (std::none_of(parts.begin(), parts.end(), [&](Part part) { return map.rank(part, first) < map.rank(part, first + rows); })) return;
    stretch.resize(rows);
    read(first, std::span<T>(stretch));
    for (uint64_t i = 0; i < rows; ++i) {
      const Part part = map.part(first + i);
      if (named[static_cast<std::size_t>(part)]) use(part, first + i, stretch[i]);
    }
  });
}

}  // namespace cohort::datasets
