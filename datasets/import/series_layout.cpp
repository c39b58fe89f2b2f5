#include "datasets/import/series_layout.h"

#include <algorithm>

namespace cohort::datasets {

std::vector<WindowStretch> lay_windows(const WindowShape& shape, const std::vector<SeriesPiece>& pieces, const std::vector<SeriesRun>& runs,
                                       const std::vector<int64_t>& ahead, uint64_t& skipped) {
  std::vector<WindowStretch> stretches;
  const auto looks_ahead = [&](int64_t index) { return std::binary_search(ahead.begin(), ahead.end(), index); };
  for (const SeriesPiece& piece : pieces) {
    const int64_t last = piece.end - 1 - shape.horizon;  // origin
    const int64_t lowest = std::max(shape.look_back - 1, piece.begin - 1);
    if (last < lowest) continue;
    const int64_t first = last - (last - lowest) / shape.stride * shape.stride;
    uint64_t laid = 0;
    for (const SeriesRun& run : runs) {
      const int64_t low = std::max(first, run.begin + shape.look_back - 1);
      const int64_t high = std::min(last, run.end - 1 - shape.horizon);
      const int64_t begin = first + (low - first + shape.stride - 1) / shape.stride * shape.stride;
      const auto add = [&](int64_t from, int64_t to) {  // origins, both included
        const auto count = static_cast<uint64_t>((to - from) / shape.stride + 1);
        stretches.push_back({run.point + static_cast<uint64_t>(from - run.begin), count, piece.split});
        laid += count;
      };
      if (begin > high) continue;
      const int64_t end = begin + (high - begin) / shape.stride * shape.stride;
      if (ahead.empty()) {
        add(begin, end);
        continue;
      }
      int64_t from = begin;
      for (int64_t origin = begin; origin <= end; origin += shape.stride) {
        if (!looks_ahead(origin) && !looks_ahead(origin + shape.horizon)) continue;
        if (origin > from) add(from, origin - shape.stride);
        from = origin + shape.stride;
      }
      if (from <= end) add(from, end);
    }
    skipped += static_cast<uint64_t>((last - first) / shape.stride + 1) - laid;
  }
  return stretches;
}

}  // namespace cohort::datasets
