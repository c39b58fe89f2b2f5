#include "datasets/loader/loader.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/comm/communicator.h"
#include "core/error.h"
#include "core/philox.h"
#include "datasets/loader/permutation.h"
#include "tests/datasets/small_dataset.h"

namespace cohort::datasets {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using tests::SmallDataset;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr uint64_t kRows = 997;

/// Row i of the store: x = i, missing each 7th; number 3i + 1; shards of 200 rows, chunks of 64.
class LoaderOf : public testing::Test {
 protected:
  LoaderOf() : dataset(make().write(folder / "d", 64, 200)), split(Split::all(dataset, Part::kTrain)) {
    FeatureOptions options;
    options.dense.emplace_back();
    options.dense[0].steps = {};
    options.dense[0].impute = "zero";
    const auto comm = core::make_self_communicator();
    features = fit_features(options, dataset, split, {"y", "w"}, *comm);
  }

  static SmallDataset make() {
    std::vector<float> x, y, w;
    std::vector<double> z;
    std::vector<std::string> c;
    std::vector<int64_t> n;
    std::vector<uint64_t> numbers;
    for (uint64_t i = 0; i < kRows; ++i) {
      x.push_back(i % 7 == 0 ? kNan : static_cast<float>(i));
      z.push_back(static_cast<double>(i) / 3);
      c.push_back(i % 5 == 0 ? "" : "v" + std::to_string(i % 3));
      n.push_back(static_cast<int64_t>(i % 4));
      y.push_back(i % 2 == 0 ? 0.0f : 1.0f);
      w.push_back(static_cast<float>(i) / 4);
      numbers.push_back(3 * i + 1);
    }
    return SmallDataset().dense("x", x).wide("z", z).category("c", c).integers("n", n).label("y", y).weight("w", w).numbers(numbers);
  }

  std::shared_ptr<const FeatureStore> store(const LoaderOptions& options = {}) const {
    return std::make_shared<FeatureStore>(dataset, features, Targets{"y", "w"}, options);
  }

  void expect_rows(const RowBatch& batch, const std::vector<uint64_t>& rows) const {
    ASSERT_EQ(batch.rows, static_cast<int64_t>(rows.size()));
    ASSERT_EQ(batch.row_ids.size(), rows.size());
    for (std::size_t k = 0; k < rows.size(); ++k) {
      const uint64_t i = rows[k];
      ASSERT_EQ(batch.row_ids[k], 3 * i + 1);
      ASSERT_EQ(batch.dense[3 * k], i % 7 == 0 ? 0.0f : static_cast<float>(i));
      ASSERT_EQ(batch.dense[3 * k + 1], i % 7 == 0 ? 1.0f : 0.0f);
      ASSERT_EQ(batch.dense[3 * k + 2], static_cast<float>(static_cast<double>(i) / 3));
      ASSERT_EQ(batch.ids[2 * k], i % 5 == 0 ? kMissingIndex : kFirstIndex + static_cast<int32_t>(i % 3));
      ASSERT_EQ(batch.ids[2 * k + 1], kFirstIndex + static_cast<int32_t>(i % 4));
      ASSERT_EQ(batch.labels[k], static_cast<float>(i % 2));
      ASSERT_EQ(batch.weights[k], static_cast<float>(i) / 4);
    }
  }

  static std::vector<uint64_t> shuffled(uint64_t seed) {
    const KeyedPermutation permutation(kRows, seed, 0);
    std::vector<uint64_t> rows;
    for (uint64_t i = 0; i < kRows; ++i) rows.push_back(permutation(i));
    return rows;
  }

  TemporaryFolder folder;
  Dataset dataset;
  Split split;
  FittedFeatures features;
};

TEST_F(LoaderOf, RowsComeInTheOrderAskedForWithAllThatBelongsToThem) {
  const auto rows = store();
  expect_rows(rows->gather(shuffled(1)), shuffled(1));
  expect_rows(rows->gather(std::vector<uint64_t>{996, 0, 0, 199, 200}), {996, 0, 0, 199, 200});
  EXPECT_EQ(rows->gather({}).rows, 0);
}

TEST_F(LoaderOf, MatricesStartAtCacheLinesAndMemoryIsUsedAgain) {
  const auto rows = store();
  const float* before = nullptr;
  for (int i = 0; i < 3; ++i) {
    const RowBatch batch = rows->gather(shuffled(2));
    for (const void* start : {static_cast<const void*>(batch.dense), static_cast<const void*>(batch.ids), static_cast<const void*>(batch.labels),
                              static_cast<const void*>(batch.weights)}) {
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(start) % 64, 0u);
    }
    if (before != nullptr) {
      EXPECT_EQ(batch.dense, before);
    }
    before = batch.dense;
  }
}

TEST_F(LoaderOf, RowsBeyondTheMemoryBoundComeFromAFile) {
  LoaderOptions options;
  options.memory_mib = 0;
  options.spill = folder.path().string();
  const auto rows = store(options);
  for (const uint64_t seed : {1u, 2u}) expect_rows(rows->gather(shuffled(seed)), shuffled(seed));
  // The file has no name: nothing to clean up.
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) EXPECT_EQ(entry.path().filename(), "d");
}

TEST_F(LoaderOf, RowsThatCanBeKeptNowhereAreReadAnew) {
  LoaderOptions options;
  options.memory_mib = 0;
  options.spill = (folder / "absent").string();
  const auto rows = store(options);
  for (const uint64_t seed : {1u, 2u}) expect_rows(rows->gather(shuffled(seed)), shuffled(seed));
}

TEST_F(LoaderOf, ManyThreadsGetTheSameRows) {
  for (const int64_t memory : {0, 64}) {
    LoaderOptions options;
    options.memory_mib = memory;
    options.spill = folder.path().string();
    const auto rows = store(options);
    std::vector<std::thread> threads;
    for (uint64_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (uint64_t round = 0; round < 3; ++round) expect_rows(rows->gather(shuffled(t + round)), shuffled(t + round));
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
}

TEST_F(LoaderOf, WithoutCategoriesLabelOrWeightOnlyTheRestIsThere) {
  FittedFeatures dense_only = features;
  dense_only.categorical.clear();
  const FeatureStore dense_store(dataset, dense_only, Targets{}, {});
  const RowBatch batch = dense_store.gather(std::vector<uint64_t>{5, 6});
  EXPECT_EQ(dense_store.categorical_count(), 0);
  EXPECT_EQ(batch.dense[3], 6);
  EXPECT_EQ(batch.labels[0], 0);
  EXPECT_EQ(batch.weights[1], 1);
  FittedFeatures ids_only = features;
  ids_only.dense.clear();
  const FeatureStore id_store(dataset, ids_only, Targets{"y", ""}, {});
  EXPECT_EQ(id_store.dense_width(), 0);
  EXPECT_EQ(id_store.gather(std::vector<uint64_t>{6}).ids[1], kFirstIndex + 2);
}

TEST_F(LoaderOf, AColumnOfAnotherKindIsAMistake) {
  FittedFeatures wrong = features;
  wrong.dense[0].column = "c";
  EXPECT_THROW(FeatureStore(dataset, wrong, Targets{"y", ""}, {}), core::Error);
  wrong.dense[0].column = "absent";
  EXPECT_THROW(FeatureStore(dataset, wrong, Targets{"y", ""}, {}), core::Error);
  EXPECT_THROW(FeatureStore(dataset, features, Targets{"w", ""}, {}), core::Error);
}

Loader::Plan plan(uint64_t first, uint64_t last, int64_t first_lane = 0, int64_t last_lane = 4) {
  Loader::Plan made;
  made.first_lane = first_lane;
  made.last_lane = last_lane;
  made.first_step = first;
  made.last_step = last;
  return made;
}

std::shared_ptr<const RowOrder> order_of(const Dataset& dataset, const Split& split, const LoaderOptions& options = {}) {
  return make_row_order(dataset, split, options, "y", 9, 100, 4);
}

/// The row numbers of each lane of each step.
std::vector<std::vector<std::vector<uint64_t>>> steps_of(Loader& loader, uint64_t first, uint64_t last) {
  std::vector<std::vector<std::vector<uint64_t>>> steps;
  for (uint64_t number = first; number < last; ++number) {
    Loader::Step step = loader.next();
    EXPECT_EQ(step.step, number);
    auto& lanes = steps.emplace_back();
    for (const RowBatch& lane : step.lanes) lanes.push_back(lane.row_ids);
  }
  return steps;
}

TEST_F(LoaderOf, AnEpochHoldsEveryRowOnceAndItsLastBatchIsShort) {
  const uint64_t per_epoch = Loader::steps_per_epoch(kRows, 100);
  ASSERT_EQ(per_epoch, 10u);
  Loader loader(store(), order_of(dataset, split), plan(0, 2 * per_epoch), {});
  std::vector<uint64_t> first_epoch;
  for (uint64_t epoch = 0; epoch < 2; ++epoch) {
    std::vector<uint64_t> seen;
    for (uint64_t s = 0; s < per_epoch; ++s) {
      const Loader::Step step = loader.next();
      EXPECT_EQ(step.epoch, epoch);
      EXPECT_EQ(step.global_rows, s + 1 < per_epoch ? 100u : 97u);
      for (const RowBatch& lane : step.lanes) seen.insert(seen.end(), lane.row_ids.begin(), lane.row_ids.end());
    }
    if (epoch == 0) {
      first_epoch = seen;
    } else {
      EXPECT_NE(seen, first_epoch);
    }
    std::sort(seen.begin(), seen.end());
    ASSERT_EQ(seen.size(), kRows);
    for (uint64_t i = 0; i < kRows; ++i) EXPECT_EQ(seen[i], 3 * i + 1);
  }
}

TEST_F(LoaderOf, ResumingAtAnyStepGivesTheSameSteps) {
  Loader whole(store(), order_of(dataset, split), plan(0, 25), {});
  const auto all = steps_of(whole, 0, 25);
  for (const uint64_t from : {1u, 9u, 10u, 17u, 24u}) {
    Loader resumed(store(), order_of(dataset, split), plan(from, 25), {});
    EXPECT_EQ(steps_of(resumed, from, 25), std::vector(all.begin() + static_cast<std::ptrdiff_t>(from), all.end()));
  }
}

TEST_F(LoaderOf, LanesAreTheSameWhoeverLoadsThem) {
  Loader whole(store(), order_of(dataset, split), plan(0, 12), {});
  const auto all = steps_of(whole, 0, 12);
  Loader left(store(), order_of(dataset, split), plan(0, 12, 0, 3), {}), right(store(), order_of(dataset, split), plan(0, 12, 3, 4), {}), none(store(), order_of(dataset, split), plan(0, 12, 2, 2), {});
  const auto a = steps_of(left, 0, 12), b = steps_of(right, 0, 12), c = steps_of(none, 0, 12);
  for (std::size_t s = 0; s < all.size(); ++s) {
    EXPECT_THAT(all[s], ElementsAre(a[s][0], a[s][1], a[s][2], b[s][0]));
    EXPECT_TRUE(c[s].empty());
  }
}

TEST_F(LoaderOf, MoreLanesThanRowsLeaveSomeEmpty) {
  const Dataset tiny = SmallDataset().dense("x", {1, 2, 3}).write(folder / "tiny");
  const Split rows = Split::all(tiny, Part::kTrain);
  FittedFeatures one;
  one.dense.resize(1);
  one.dense[0].column = "x";
  Loader loader(std::make_shared<FeatureStore>(tiny, one, Targets{}, LoaderOptions{}), order_of(tiny, rows), plan(0, 1), {});
  const Loader::Step step = loader.next();
  ASSERT_EQ(step.lanes.size(), 4u);
  EXPECT_EQ(step.lanes[0].rows + step.lanes[1].rows + step.lanes[2].rows + step.lanes[3].rows, 3);
  EXPECT_EQ(step.lanes[0].rows, 0);
}

TEST_F(LoaderOf, ItCanBeDroppedWithStepsAheadAndAsksForNoMoreThanPlanned) {
  { Loader dropped(store(), order_of(dataset, split), plan(0, 1000), {}); }
  Loader loader(store(), order_of(dataset, split), plan(3, 4), {});
  loader.next();
  EXPECT_THROW(loader.next(), core::Error);
}

TEST_F(LoaderOf, DamageFoundWhileReadingReachesTheCaller) {
  const std::filesystem::path shard = folder / "d" / "data-00002.h5";
  const auto size = std::filesystem::file_size(shard);
  {
    // Garbage over the stored chunks; the size stays.
    std::fstream file(shard, std::ios::in | std::ios::out | std::ios::binary);
    for (uint64_t at = size / 4; at < size; at += 8) {
      file.seekp(static_cast<std::streamoff>(at));
      file.put('\x5A');
    }
  }
  Loader loader(store(), order_of(dataset, split), plan(0, 10), {});
  try {
    for (int i = 0; i < 10; ++i) loader.next();
    FAIL() << "nothing was thrown";
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kDamaged);
    EXPECT_THAT(error.what(), HasSubstr("data-00002.h5"));
  }
}

}  // namespace
}  // namespace cohort::datasets
