#include "trainer/embeddings/table_lookup.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/philox.h"

namespace cohort::trainer {
namespace {

/// A lane of bags.
struct Bags {
  explicit Bags(std::vector<std::vector<int32_t>> bags) {
    offsets.push_back(0);
    for (const auto& bag : bags) {
      ids.insert(ids.end(), bag.begin(), bag.end());
      offsets.push_back(static_cast<int64_t>(ids.size()));
    }
    batch.rows = static_cast<int64_t>(bags.size());
    batch.sequences.push_back({.offsets = offsets.data(), .ids = ids.data()});
  }
  std::vector<int32_t> ids;
  std::vector<int64_t> offsets;
  datasets::RowBatch batch;
};

const models::TableSpec kSpec{.name = "items", .feature = 0, .rows = 1000, .dim = 3, .pooling = models::Pooling::kSum};

/// Row r of the table is (r, 1, −r).
void fetch(TableLookup& lookup) {
  lookup.vectors = AlignedFloats(lookup.rows.size() * 3 + 1);
  for (std::size_t u = 0; u < lookup.rows.size(); ++u) {
    const auto row = static_cast<float>(lookup.rows[u]);
    const float values[] = {row, 1, -row};
    std::copy_n(values, 3, lookup.vectors.data() + 3 * u);
  }
}

TEST(TableLookup, EachRowIsThereOnceAndOccurrencesKeepTheirOrder) {
  const Bags one({{7, 7, 3}, {}, {999}}), two({{3}, {0, 7}});
  const std::vector<datasets::RowBatch> lanes{one.batch, two.batch};
  const TableLookup lookup = collect_rows(kSpec, lanes, 0);
  EXPECT_EQ(lookup.rows, (std::vector<int32_t>{0, 3, 7, 999}));
  EXPECT_EQ(lookup.slot, (std::vector<uint32_t>{2, 2, 1, 3, 1, 0, 2}));
  EXPECT_EQ(lookup.by_row, (std::vector<uint32_t>{5, 2, 4, 0, 1, 6, 3}));
  EXPECT_EQ(lookup.first_of_row, (std::vector<uint32_t>{0, 1, 3, 6, 7}));
  EXPECT_EQ(lookup.first_of_lane, (std::vector<uint32_t>{0, 4, 7}));
  EXPECT_EQ(lookup.bag, (std::vector<uint32_t>{0, 0, 0, 2, 0, 1, 1}));
}

TEST(TableLookup, EmptyBagsGiveZerosAndAMillionIdsTheirSum) {
  std::vector<int32_t> many(1'000'000);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = static_cast<int32_t>(i % 2);
  const Bags bags({{}, many, {5}});
  const std::vector<datasets::RowBatch> lanes{bags.batch};
  TableLookup lookup = collect_rows(kSpec, lanes, 0);
  EXPECT_EQ(lookup.rows.size(), 3u);
  fetch(lookup);
  const at::Tensor pooled = pooled_vectors(kSpec, lookup, 0, bags.batch, 0);
  const std::vector<float> expected{0, 0, 0, 500'000, 1'000'000, -500'000, 5, 1, -5};
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), pooled.data_ptr<float>()));
  models::TableSpec mean = kSpec;
  mean.pooling = models::Pooling::kMean;
  const at::Tensor means = pooled_vectors(mean, lookup, 0, bags.batch, 0);
  EXPECT_EQ(means.data_ptr<float>()[3], 0.5f);
  EXPECT_EQ(means.data_ptr<float>()[0], 0.0f);
}

TEST(TableLookup, AnIdOutsideItsTableIsNamed) {
  for (const int32_t id : {-1, 1000}) {
    const Bags bags({{1, id}});
    const std::vector<datasets::RowBatch> lanes{bags.batch};
    try {
      collect_rows(kSpec, lanes, 0);
      FAIL() << "nothing was thrown";
    } catch (const core::Error& error) {
      EXPECT_EQ(error.exit(), core::Exit::kDamaged);
      EXPECT_NE(error.message().find("index " + std::to_string(id) + " in table 'items', which has 1000 rows"), std::string::npos) << error.message();
    }
  }
}

TEST(SortByRow, IsStableForAnyNumberOfRows) {
  for (const int64_t rows : {int64_t{1}, int64_t{2}, int64_t{2048}, int64_t{100'000}, int64_t{1} << 31}) {
    std::vector<uint64_t> keys;
    const core::KeyedRandom random(1, "keys", 0, 0);
    for (uint64_t i = 0; i < 5000; ++i) keys.push_back(random.u64(i) % static_cast<uint64_t>(rows) << 32 | i);
    std::vector<uint64_t> sorted = keys;
    std::stable_sort(sorted.begin(), sorted.end(), [](uint64_t a, uint64_t b) { return a >> 32 < b >> 32; });
    sort_by_row(keys, rows);
    EXPECT_EQ(keys, sorted) << rows;
  }
}

}  // namespace
}  // namespace cohort::trainer
