#include "datasets/import/series_order.h"

#include <algorithm>
#include <tuple>

#include <gtest/gtest.h>

#include "core/philox.h"
#include "tests/datasets/temporary_folder.h"
#include "tests/support/thread_communicator.h"

namespace cohort::datasets {
namespace {

struct Row {
  std::string part;
  int32_t id = 0;
  int64_t time = 0;
  uint64_t position = 0;
  float value = 0;
  auto order() const { return std::tie(part, id, time, position); }
};

Schema row_schema() {
  Schema schema;
  schema.columns.resize(3);
  schema.columns[0].name = "time";
  schema.columns[0].kind = Kind::kTime;
  schema.columns[0].dtype = DType::kInt64;
  schema.columns[1].name = "id";
  schema.columns[1].kind = Kind::kCategorical;
  schema.columns[1].dtype = DType::kInt64;
  schema.columns[2].name = "value";
  return schema;
}

SpoolFile write_rows(const std::vector<Row>& rows, const Schema& schema, const std::filesystem::path& file, WorkerPool& pool) {
  RowSpool spool(file, schema, pool);
  for (const Row& row : rows) {
    RowBlock block;
    block.row = {row.position};
    block.columns.resize(3);
    block.columns[0].longs = {row.time};
    block.columns[1].ints = {row.id};
    block.columns[2].floats = {row.value};
    spool.append(std::move(block), row.part);
  }
  return spool.finish();
}

// Few series or many, in order or not, sorted in runs of a few rows: the order is that of std::sort, whatever the ranks.
TEST(SeriesOrder, IsThatOfASort) {
  const Schema schema = row_schema();
  const SeriesColumns columns{0, {1}, {2}};
  for (uint64_t trial = 0; trial < 24; ++trial) {
    TemporaryFolder folder;
    WorkerPool pool(2);
    const core::KeyedRandom random(trial, "series order");
    const uint64_t series = 1 + random.below(0, 9), count = 300;
    std::vector<Row> rows;
    for (uint64_t i = 0; i < count; ++i) {
      Row row{i < count / 3 ? "a" : "b", static_cast<int32_t>(random.below(3 * i + 1, series)),
              static_cast<int64_t>(random.below(3 * i + 2, 60)), i, random.uniform_float(i)};
      if (trial % 3 == 0) row.time = static_cast<int64_t>(i);  // every series ascends, but series lie among each other
      rows.push_back(row);
    }
    if (trial % 4 == 1) {
      std::stable_sort(rows.begin(), rows.end(),
                       [](const Row& x, const Row& y) { return std::tie(x.part, x.id, x.time) < std::tie(y.part, y.id, y.time); });
      for (uint64_t i = 0; i < count; ++i) rows[i].position = i;
    }
    const SpoolFile file = write_rows(rows, schema, folder / "rows", pool);
    std::vector<Row> wanted = rows;
    std::sort(wanted.begin(), wanted.end(), [](const Row& x, const Row& y) { return x.order() < y.order(); });
    for (const int ranks : {1, 3}) {
      std::vector<std::vector<Row>> found(static_cast<std::size_t>(ranks));
      tests::run_ranks(ranks, [&](core::Communicator& comm) {
        WorkerPool own_pool(1);
        const SpooledRows spooled(schema, {file});
        const SeriesIndex index = index_series(comm, spooled, columns);
        const auto [first, last] = index.share(comm.rank(), comm.size());
        SeriesOrder order(spooled, columns, index, first, last, folder / ("order" + std::to_string(comm.rank())), own_pool, 40);
        for (std::size_t s = first; s < last; ++s) {
          const SeriesEntry& entry = index.series[s];
          order.each_row(s, [&](const SeriesRow& row) {
            found[static_cast<std::size_t>(comm.rank())].push_back(
                {index.parts[entry.part], entry.codes[0], row.time, row.position, row.values[0]});
          });
        }
      });
      std::vector<Row> all;
      for (const auto& rank : found) all.insert(all.end(), rank.begin(), rank.end());
      ASSERT_EQ(all.size(), wanted.size()) << "trial " << trial;
      for (std::size_t i = 0; i < all.size(); ++i) {
        ASSERT_EQ(all[i].order(), wanted[i].order()) << "trial " << trial << ", row " << i;
        ASSERT_EQ(all[i].value, wanted[i].value);
      }
    }
  }
}

TEST(SeriesOrder, RowsThatLieInOrderAreReadWhereTheyAre) {
  TemporaryFolder folder;
  WorkerPool pool(1);
  const Schema schema = row_schema();
  const SeriesColumns columns{0, {1}, {2}};
  std::vector<Row> rows;
  for (uint64_t i = 0; i < 20; ++i) rows.push_back({"a", static_cast<int32_t>(1 - i / 10), static_cast<int64_t>(i % 10), i, 0});
  const SpoolFile file = write_rows(rows, schema, folder / "rows", pool);
  const auto comm = core::make_self_communicator();
  const SpooledRows spooled(schema, {file});
  const SeriesIndex index = index_series(*comm, spooled, columns);
  ASSERT_EQ(index.series.size(), 2u);
  for (const SeriesEntry& entry : index.series) EXPECT_TRUE(entry.in_place());
  EXPECT_EQ(index.series[0].first, 10u);
}

}  // namespace
}  // namespace cohort::datasets
