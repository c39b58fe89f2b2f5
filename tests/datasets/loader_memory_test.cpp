// The loader within its bound: nothing is held beyond it, and what comes is right.
#include <algorithm>
#include <thread>

#include <gtest/gtest.h>

#include "datasets/loader/loader.h"
#include "tests/datasets/small_dataset.h"

namespace cohort::datasets {
namespace {

using tests::SmallDataset;

constexpr uint64_t kRows = 40'000, kColumns = 24, kChunk = 512, kBatch = 256;
constexpr int64_t kLanes = 4;
constexpr uint64_t kStride = 16 + 4 * kColumns;

/// Column c of row i holds i + c·1e6; 4.3 MiB of records in 79 chunks.
class LoaderMemory : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    SmallDataset rows;
    for (uint64_t c = 0; c < kColumns; ++c) {
      std::vector<float> values(kRows);
      for (uint64_t i = 0; i < kRows; ++i) values[i] = static_cast<float>(i + c * 1'000'000);
      rows.dense("x" + std::to_string(c), std::move(values));
    }
    folder = new TemporaryFolder;
    dataset = new Dataset(rows.write(*folder / "d", kChunk, 10'000));
    split = new Split(Split::all(*dataset, Part::kTrain));
  }
  static void TearDownTestSuite() {
    delete split;
    delete dataset;
    delete folder;
  }

  static FittedFeatures features() {
    FittedFeatures made;
    for (uint64_t c = 0; c < kColumns; ++c) {
      DenseFeature& feature = made.dense.emplace_back();
      feature.column = "x" + std::to_string(c);
      feature.first = static_cast<int64_t>(c);
    }
    return made;
  }

  static LoaderOptions bounded(int64_t mib, const std::string& shuffle) {
    LoaderOptions options;
    options.memory_mib = mib;
    options.shuffle = shuffle;
    options.block_chunks = 2;
    options.spill = folder->path().string();
    return options;
  }

  static void expect_values(const RowBatch& batch) {
    for (int64_t r = 0; r < batch.rows; ++r) {
      for (uint64_t c = 0; c < kColumns; ++c) {
        ASSERT_EQ(batch.dense[static_cast<uint64_t>(r) * kColumns + c], static_cast<float>(batch.row_ids[static_cast<std::size_t>(r)] + c * 1'000'000));
      }
    }
  }

  /// Goes through two epochs and a bit, scoring between them as training does. Returns the bytes that went to the file.
  static uint64_t spilled(const LoaderOptions& options, int64_t first_lane = 0, int64_t last_lane = kLanes) {
    const auto store = std::make_shared<const FeatureStore>(*dataset, features(), Targets{}, options);
    go_through(store, options, first_lane, last_lane);
    EXPECT_LE(store->memory().peak(), static_cast<uint64_t>(options.memory_mib) << 20);
    return store->spilled();
  }

  static void go_through(const std::shared_ptr<const FeatureStore>& store, const LoaderOptions& options, int64_t first_lane, int64_t last_lane) {
    const std::shared_ptr<const RowOrder> order = make_row_order(*dataset, *split, options, "", 4, kBatch, kLanes);
    const uint64_t per_epoch = order->shape().steps(), steps = 2 * per_epoch + 3;
    Loader loader(store, order, {.first_lane = first_lane, .last_lane = last_lane, .first_step = 0, .last_step = steps}, options);
    for (uint64_t s = 0; s < steps; ++s) {
      const Loader::Step step = loader.next();
      const auto rows = order->epoch(step.epoch);
      for (int64_t lane = first_lane; lane < last_lane; ++lane) {
        const RowBatch& batch = step.lanes[static_cast<std::size_t>(lane - first_lane)];
        std::vector<uint64_t> expected;
        rows->lane_rows(s % per_epoch, lane, expected);
        ASSERT_EQ(batch.row_ids, expected);
        expect_values(batch);
      }
      if (s % per_epoch != per_epoch / 2) continue;
      std::vector<uint64_t> scored;
      for (uint64_t i = 0; i < kRows; i += 3) scored.push_back(i);
      expect_values(store->gather(scored));
    }
  }

  static TemporaryFolder* folder;
  static Dataset* dataset;
  static Split* split;
};

TemporaryFolder* LoaderMemory::folder = nullptr;
Dataset* LoaderMemory::dataset = nullptr;
Split* LoaderMemory::split = nullptr;

TEST_F(LoaderMemory, BlockShuffleHoldsAFewChunksAtATime) {
  static_assert(kRows * kStride > 4 << 20);
  LoaderOptions options = bounded(2, "block");
  EXPECT_EQ(spilled(options), 0u);
  options.threads = 1;
  options.prefetch = 1;
  EXPECT_EQ(spilled(options), 0u);
  options.threads = 4;
  EXPECT_EQ(spilled(options, 1, 3), 0u);
}

TEST_F(LoaderMemory, WindowsBeyondTheBoundGoThroughAFile) {
  LoaderOptions options = bounded(2, "block");
  options.block_chunks = 16;
  EXPECT_GT(spilled(options), 0u);
}

TEST_F(LoaderMemory, FullShuffleKeepsTheRestInAFile) {
  EXPECT_GT(spilled(bounded(2, "full")), 2u << 20);
  LoaderOptions options = bounded(3, "full");
  options.threads = 3;
  EXPECT_GT(spilled(options, 0, 1), 1u << 20);
}

TEST_F(LoaderMemory, WhatFitsIsReadOnce) {
  for (const char* shuffle : {"full", "block"}) {
    EXPECT_EQ(spilled(bounded(64, shuffle)), 0u);
  }
}

TEST_F(LoaderMemory, ManyScorersAtOnceStayWithinTheBound) {
  const LoaderOptions options = bounded(2, "block");
  const FeatureStore store(*dataset, features(), Targets{}, options);
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::vector<uint64_t> rows;
      for (uint64_t i = t; i < kRows; i += 7) rows.push_back(i * 6007 % kRows);
      for (int round = 0; round < 2; ++round) expect_values(store.gather(rows));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(store.memory().peak(), 2u << 20);
}

}  // namespace
}  // namespace cohort::datasets
