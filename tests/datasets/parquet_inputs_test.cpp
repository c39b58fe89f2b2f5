// Row groups shared by ranks.
#include <gtest/gtest.h>

#include "core/philox.h"
#include "datasets/import/parquet_inputs.h"

namespace cohort::datasets {
namespace {

using RowGroups = std::vector<std::vector<uint64_t>>;

TEST(ParquetShares, RanksTakeAllRowsOnceInOrderCutAtRowGroups) {
  const core::KeyedRandom random(5, "parquet-shares");
  uint64_t draw = 0;
  for (int round = 0; round < 200; ++round) {
    RowGroups groups(1 + random.below(draw++, 4));
    for (auto& file : groups) {
      file.resize(random.below(draw++, 6));
      for (uint64_t& rows : file) rows = random.below(draw++, 5) * 100;
    }
    const int ranks = 1 + static_cast<int>(random.below(draw++, 5));
    // Where the next row is expected: file and row in it.
    std::size_t file = 0;
    uint64_t row = 0;
    const auto total = [&](std::size_t f) {
      uint64_t rows = 0;
      for (const uint64_t group : groups[f]) rows += group;
      return rows;
    };
    const auto skip_ended = [&] {
      for (; file < groups.size() && row == total(file); ++file) row = 0;
    };
    for (int rank = 0; rank < ranks; ++rank) {
      for (const ParquetShare& share : share_row_groups(groups, rank, ranks)) {
        skip_ended();
        ASSERT_EQ(share.input, file);
        ASSERT_EQ(share.first, row);
        row += share.rows;
        uint64_t border = 0;
        bool at_border = row == 0;
        for (const uint64_t group : groups[file]) at_border = at_border || (border += group) == row;
        ASSERT_TRUE(at_border) << "a row group is cut at " << row;
      }
    }
    skip_ended();
    ASSERT_EQ(file, groups.size());
  }
}

TEST(ParquetShares, EqualRowGroupsAreSharedEvenly) {
  const RowGroups groups{{100, 100, 100}, {100, 100, 100}};
  for (const int ranks : {1, 2, 3, 6}) {
    for (int rank = 0; rank < ranks; ++rank) {
      uint64_t rows = 0;
      for (const ParquetShare& share : share_row_groups(groups, rank, ranks)) rows += share.rows;
      EXPECT_EQ(rows, 600u / static_cast<unsigned>(ranks)) << rank << " of " << ranks;
    }
  }
}

}  // namespace
}  // namespace cohort::datasets
