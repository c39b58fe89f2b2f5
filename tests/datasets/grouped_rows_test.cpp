// Rows grouped by entity: the same whatever the memory, threads and ranks.
#include "datasets/import/grouped_rows.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include <gmock/gmock.h>

#include "tests/datasets/temporary_folder.h"
#include "tests/support/thread_communicator.h"

namespace cohort::tests {
namespace {

using namespace datasets;  // NOLINT

Schema grouped_schema(int entities) {
  Schema schema;
  schema.columns.resize(3);
  schema.columns[0].name = "entity";
  schema.columns[0].kind = Kind::kCategorical;
  schema.columns[0].dtype = DType::kInt64;
  for (int64_t i = 0; i < entities; ++i) schema.columns[0].dictionary.integers.push_back(i);
  schema.columns[1].name = "time";
  schema.columns[1].kind = Kind::kTime;
  schema.columns[1].dtype = DType::kInt64;
  schema.columns[2].name = "note";
  schema.columns[2].kind = Kind::kText;
  schema.columns[2].dtype = DType::kString;
  return schema;
}

/// A row as it was found: entity, time, position, note.
using Found = std::tuple<int32_t, int64_t, uint64_t, std::string>;

class GroupedRowsTest : public testing::Test {
 protected:
  static constexpr int kEntities = 211, kRows = 5000;

  void SetUp() override {
    RowSpool spool(folder_ / "rows", schema_, pool_);
    for (int first = 0; first < kRows; first += 700) {
      RowBlock block;
      block.columns.resize(3);
      for (int i = first; i < std::min(kRows, first + 700); ++i) {
        const int32_t entity = i % 17 == 0 ? -1 : static_cast<int32_t>(int64_t{i} * i % kEntities);
        const int64_t time = i * 7919 % 97;
        block.row.push_back(static_cast<uint64_t>(i));
        block.columns[0].ints.push_back(entity);
        block.columns[1].longs.push_back(time);
        block.columns[2].add_text(std::string(static_cast<std::size_t>(i % 5), 'x') + std::to_string(i));
        if (entity >= 0 && i % 11 != 0) wanted_.emplace_back(entity, time, static_cast<uint64_t>(i), std::string(static_cast<std::size_t>(i % 5), 'x') + std::to_string(i));
      }
      spool.append(std::move(block), "data");
    }
    rows_ = std::make_unique<SpooledRows>(schema_, std::vector{spool.finish()});
    std::sort(wanted_.begin(), wanted_.end());
  }

  std::vector<Found> group(core::Communicator& comm, uint64_t memory, std::size_t* ranges = nullptr) const {
    WorkerPool pool(2);
    Grouping grouping;
    grouping.entity = 0;
    grouping.time = 1;
    grouping.memory = memory;
    grouping.judge = [](RowBlock& block) {
      std::vector<int8_t> verdicts;
      for (const uint64_t row : block.row) verdicts.push_back(row % 11 == 0 ? 3 : 0);
      return verdicts;
    };
    GroupedRows grouped(comm, *rows_, schema_, grouping, pool);
    EXPECT_EQ(grouped.taken(), wanted_.size());
    EXPECT_EQ(grouped.counted(0), 295u);  // multiples of 17
    EXPECT_EQ(grouped.counted(0) + grouped.counted(3) + grouped.taken(), static_cast<uint64_t>(kRows));
    std::vector<Found> found;
    for (std::size_t r = 0; r < grouped.ranges(); ++r) {
      const RowGroups groups = grouped.load(r);
      for (std::size_t i = 0; i < groups.entities.size(); ++i) {
        for (const uint32_t place : groups.rows_of(i)) {
          const auto& ends = groups.block.columns[2].ends;
          const int64_t begin = place == 0 ? 0 : ends[place - 1];
          EXPECT_EQ(groups.block.columns[0].ints[place], groups.entities[i]);
          found.emplace_back(groups.entities[i], groups.block.columns[1].longs[place], groups.block.row[place],
                             groups.block.columns[2].text.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(ends[place] - begin)));
        }
      }
    }
    if (ranges != nullptr) *ranges = grouped.ranges();
    return found;
  }

  TemporaryFolder folder_;
  Schema schema_ = grouped_schema(kEntities);
  WorkerPool pool_{1};
  std::unique_ptr<SpooledRows> rows_;
  std::vector<Found> wanted_;
};

TEST_F(GroupedRowsTest, ComeByEntityThenTimeThenPositionWhateverTheMemory) {
  const auto comm = core::make_self_communicator();
  std::size_t ranges = 0;
  EXPECT_EQ(group(*comm, uint64_t{1} << 30, &ranges), wanted_);
  EXPECT_EQ(ranges, 1u);
  EXPECT_EQ(group(*comm, 10'000, &ranges), wanted_);
  EXPECT_GT(ranges, 5u);
  EXPECT_EQ(group(*comm, 1, &ranges), wanted_);
  EXPECT_EQ(ranges, static_cast<std::size_t>(std::count_if(wanted_.begin(), wanted_.end(), [last = -1](const Found& row) mutable {
              return std::exchange(last, std::get<0>(row)) != std::get<0>(row);
            })));
}

TEST_F(GroupedRowsTest, AreDealtToRanksInOneOrder) {
  for (const int ranks : {2, 3, 7}) {
    std::vector<std::vector<Found>> found(static_cast<std::size_t>(ranks));
    run_ranks(ranks, [&](core::Communicator& comm) { found[static_cast<std::size_t>(comm.rank())] = group(comm, 10'000); });
    std::vector<Found> all;
    for (const std::vector<Found>& mine : found) {
      EXPECT_GT(mine.size(), wanted_.size() / static_cast<std::size_t>(2 * ranks));
      all.insert(all.end(), mine.begin(), mine.end());
    }
    EXPECT_EQ(all, wanted_) << ranks << " ranks";
  }
}

}  // namespace
}  // namespace cohort::tests
