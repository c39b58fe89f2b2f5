#include "datasets/import/series_layout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/philox.h"

namespace cohort::datasets {
namespace {

/// Split and first point of the origin of every window, as the words of the header say.
std::set<std::pair<int32_t, uint64_t>> by_definition(const WindowShape& shape, const std::vector<SeriesPiece>& pieces,
                                                     const std::vector<SeriesRun>& runs, const std::vector<int64_t>& ahead,
                                                     uint64_t& skipped) {
  std::set<std::pair<int32_t, uint64_t>> windows;
  for (const SeriesPiece& piece : pieces) {
    for (int64_t origin = piece.end - 1 - shape.horizon; origin >= 0; origin -= shape.stride) {
      if (origin + 1 < piece.begin || origin - shape.look_back + 1 < 0) break;
      bool stored = false;
      for (const SeriesRun& run : runs) {
        if (run.begin > origin - shape.look_back + 1 || run.end <= origin + shape.horizon) continue;
        const auto is_ahead = [&](int64_t index) { return std::find(ahead.begin(), ahead.end(), index) != ahead.end(); };
        if (is_ahead(origin) || is_ahead(origin + shape.horizon)) continue;
        windows.emplace(piece.split, run.point + static_cast<uint64_t>(origin - run.begin));
        stored = true;
      }
      skipped += stored ? 0 : 1;
    }
  }
  return windows;
}

TEST(SeriesLayout, IsWhatTheDefinitionSaysForRandomSeries) {
  for (uint64_t trial = 0; trial < 3000; ++trial) {
    const core::KeyedRandom random(trial, "series layout");
    uint64_t draws = 0;
    const auto draw = [&](uint64_t limit) { return static_cast<int64_t>(random.below(draws++, limit)); };
    const WindowShape shape{1 + draw(6), 1 + draw(5), 1 + draw(7)};
    const int64_t length = 1 + draw(60);
    std::vector<SeriesRun> runs;
    std::vector<int64_t> ahead;
    uint64_t points = 100;
    for (int64_t at = draw(3); at < length;) {
      const int64_t end = std::min(length, at + 1 + draw(40));
      runs.push_back({at, end, points});
      points += static_cast<uint64_t>(end - at);
      for (int64_t i = at; i < end; ++i) {
        if (trial % 2 == 0 && draw(8) == 0) ahead.push_back(i);
      }
      at = end + 1 + draw(4);
    }
    const int64_t first = draw(static_cast<uint64_t>(length) + 1), second = first + draw(static_cast<uint64_t>(length - first) + 1);
    const std::vector<SeriesPiece> pieces{{0, first, 1}, {first, second, 2}, {second, length, 0}};
    uint64_t wanted_skipped = 0, skipped = 0;
    const auto wanted = by_definition(shape, pieces, runs, ahead, wanted_skipped);
    std::set<std::pair<int32_t, uint64_t>> found;
    uint64_t count = 0;
    for (const WindowStretch& stretch : lay_windows(shape, pieces, runs, ahead, skipped)) {
      EXPECT_GT(stretch.count, 0u);
      for (uint64_t i = 0; i < stretch.count; ++i, ++count)
        found.emplace(stretch.split, stretch.origin + i * static_cast<uint64_t>(shape.stride));
    }
    ASSERT_EQ(found, wanted) << "trial " << trial;
    ASSERT_EQ(count, wanted.size()) << "a window twice in trial " << trial;
    ASSERT_EQ(skipped, wanted_skipped) << "trial " << trial;
  }
}

TEST(SeriesLayout, ASeriesTooShortHasNoWindow) {
  uint64_t skipped = 0;
  EXPECT_TRUE(lay_windows({4, 2, 1}, {{0, 5, -1}}, {{0, 5, 0}}, {}, skipped).empty());
  EXPECT_EQ(skipped, 0u);
}

}  // namespace
}  // namespace cohort::datasets
