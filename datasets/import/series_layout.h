// Where the windows of a series lie.
#pragma once

#include <cstdint>
#include <vector>

namespace cohort::datasets {

/// A window of look_back steps that ends with its origin, and the horizon's steps after it.
struct WindowShape {
  int64_t look_back = 1, horizon = 1, stride = 1;
};

/// Steps whose values may be predicted, [begin, end), and what they are for.
struct SeriesPiece {
  int64_t begin = 0, end = 0;
  int32_t split = -1;  ///< code in the column `split`; −1 where there are no borders
};

/// Steps with all their values that follow each other, [begin, end).
struct SeriesRun {
  int64_t begin = 0, end = 0;
  uint64_t point = 0;  ///< where the first one is stored
};

/// Windows whose origins are a stride apart.
struct WindowStretch {
  uint64_t origin = 0;  ///< the point where the first one's is stored
  uint64_t count = 0;
  int32_t split = -1;
};

/// The windows of one series, those of the pieces one after another. In each piece the last window ends with the piece and the others lie
/// strides before it; a look-back may reach into earlier pieces, a horizon lies wholly within one. Windows that don't lie within one run,
/// and those whose origin or last step is among the indices `ahead` (ascending), are left out and added to `skipped`.
std::vector<WindowStretch> lay_windows(const WindowShape& shape, const std::vector<SeriesPiece>& pieces, const std::vector<SeriesRun>& runs,
                                       const std::vector<int64_t>& ahead, uint64_t& skipped);

}  // namespace cohort::datasets
