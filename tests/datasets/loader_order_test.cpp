// Orders of rows: every row once, the same for any number of ranks, from any step on.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "core/philox.h"
#include "datasets/loader/block_order.h"
#include "datasets/loader/load_schedule.h"
#include "datasets/loader/recut_order.h"
#include "datasets/loader/row_order.h"

namespace cohort::datasets {
namespace {

/// One case drawn at random: shards, parts, batch, lanes.
struct Case {
  explicit Case(uint64_t number) : random(number, "case") {
    const uint64_t largest = pick(0) % 20 == 0 ? 5000 : 400;
    for (uint64_t left = 1 + pick(1) % largest; left > 0;) {
      const uint64_t shard = std::min(left, 1 + pick(100 + shards.size()) % largest);
      shards.push_back(shard);
      left -= shard;
    }
    grid = std::make_unique<ChunkGrid>(shards, 1 + pick(2) % 100);
    std::vector<Part> rows;
    const uint64_t tenths = pick(3) % 11;
    for (uint64_t i = 0; i < grid->rows(); ++i) rows.push_back(random.below(1000 + i, 10) < tenths ? Part::kTrain : Part::kTest);
    rows[pick(4) % rows.size()] = Part::kTrain;
    parts = PartMap(rows);
    shape.rows = parts.size(Part::kTrain);
    shape.lanes = int64_t{1} << (pick(5) % 5);
    // Batches smaller than the lanes too, and larger than the data.
    shape.global_batch = 1 + pick(6) % (pick(7) % 3 == 0 ? 5 : 2 * grid->rows());
    width = 1 + pick(8) % 9;
    seed = pick(9);
  }
  uint64_t pick(uint64_t what) const { return random.u64(what) >> 8; }

  std::unique_ptr<const RowOrder> order(bool block) const {
    std::vector<TrainingChunk> chunks = training_chunks(*grid, parts);
    return block ? make_block_order(shape, std::move(chunks), parts, width, seed) : make_full_order(shape, std::move(chunks), parts, seed);
  }

  core::KeyedRandom random;
  std::vector<uint64_t> shards;
  std::unique_ptr<ChunkGrid> grid;
  PartMap parts;
  EpochShape shape;
  uint64_t width = 1, seed = 0;
};

using Steps = std::vector<std::vector<std::vector<uint64_t>>>;  ///< rows of each lane of each step

Steps steps_of(const RowOrder& order, uint64_t epoch) {
  const auto rows = order.epoch(epoch);
  Steps steps;
  for (uint64_t step = 0; step < order.shape().steps(); ++step) {
    auto& lanes = steps.emplace_back(static_cast<std::size_t>(order.shape().lanes));
    for (int64_t lane = 0; lane < order.shape().lanes; ++lane) rows->lane_rows(step, lane, lanes[static_cast<std::size_t>(lane)]);
  }
  return steps;
}

void expect_every_row_once(const Case& c, const Steps& steps) {
  std::vector<uint64_t> rows;
  for (std::size_t s = 0; s < steps.size(); ++s) {
    uint64_t count = 0;
    for (std::size_t lane = 0; lane < steps[s].size(); ++lane) {
      const Slice slice = c.shape.slice(s, static_cast<int64_t>(lane));
      ASSERT_EQ(steps[s][lane].size(), slice.end - slice.begin);
      count += steps[s][lane].size();
      rows.insert(rows.end(), steps[s][lane].begin(), steps[s][lane].end());
    }
    ASSERT_EQ(count, s + 1 < steps.size() ? c.shape.global_batch : c.shape.rows - (steps.size() - 1) * c.shape.global_batch);
  }
  std::sort(rows.begin(), rows.end());
  ASSERT_EQ(rows.size(), c.shape.rows);
  for (uint64_t i = 0; i < rows.size(); ++i) ASSERT_EQ(rows[i], c.parts.row(Part::kTrain, i));
}

/// Ranks that each ask for their own lanes alone, from a step of their own on.
void expect_same_for_ranks(const Case& c, bool block, uint64_t epoch, const Steps& all) {
  int64_t first = 0;
  for (uint64_t rank = 0; first < c.shape.lanes; ++rank) {
    const int64_t last = first + 1 + static_cast<int64_t>(c.pick(20 + rank) % static_cast<uint64_t>(c.shape.lanes - first));
    const auto order = c.order(block);
    const auto rows = order->epoch(epoch);
    for (uint64_t step = c.pick(60 + rank) % all.size(); step < all.size(); ++step) {
      for (int64_t lane = first; lane < last; ++lane) {
        std::vector<uint64_t> mine;
        rows->lane_rows(step, lane, mine);
        ASSERT_EQ(mine, all[step][static_cast<std::size_t>(lane)]);
      }
    }
    first = last;
  }
}

/// The windows name the chunks of every step's rows, no more than `width` at a time, and no chunk twice but where stretches meet.
void expect_windows_hold(const Case& c, uint64_t epoch, const Steps& all) {
  const auto block = c.order(true);
  const auto rows = block->epoch(epoch);
  std::map<uint32_t, int> times;
  for (int64_t lane = 0; lane < c.shape.lanes; ++lane) {
    uint64_t before = 0;
    const std::vector<EpochOrder::Window> windows = rows->windows(lane);
    for (const EpochOrder::Window& window : windows) {
      ASSERT_LE(window.chunks.size(), c.width);
      ASSERT_GE(window.first_step, before);
      ASSERT_LE(window.first_step, window.last_step);
      before = window.last_step;
      for (const uint32_t chunk : window.chunks) ++times[chunk];
    }
    auto begin = windows.begin();
    for (uint64_t step = 0; step < all.size(); ++step) {
      while (begin != windows.end() && begin->last_step < step) ++begin;
      for (const uint64_t row : all[step][static_cast<std::size_t>(lane)]) {
        const auto chunk = static_cast<uint32_t>(c.grid->place(row).chunk);
        const auto open = std::find_if(begin, windows.end(), [&](const EpochOrder::Window& w) {
          return w.first_step > step || std::find(w.chunks.begin(), w.chunks.end(), chunk) != w.chunks.end();
        });
        ASSERT_TRUE(open != windows.end() && open->first_step <= step);
      }
    }
  }
  int reads = 0;
  for (const auto& [chunk, count] : times) reads += count;
  EXPECT_LE(reads, static_cast<int>(training_chunks(*c.grid, c.parts).size()) + static_cast<int>(c.shape.lanes) - 1);
}

/// The windows of every lane hold the chunks of its rows at the steps where it takes them.
void expect_covering_windows(const Case& c, const RowOrder& order, uint64_t epoch, const Steps& all) {
  const auto rows = order.epoch(epoch);
  for (int64_t lane = 0; lane < order.shape().lanes; ++lane) {
    const std::vector<EpochOrder::Window> windows = rows->windows(lane);
    for (uint64_t step = 0; step < all.size(); ++step)
      for (const uint64_t row : all[step][static_cast<std::size_t>(lane)]) {
        const auto chunk = static_cast<uint32_t>(c.grid->place(row).chunk);
        ASSERT_TRUE(std::any_of(windows.begin(), windows.end(), [&](const EpochOrder::Window& w) {
          return w.first_step <= step && step <= w.last_step && std::find(w.chunks.begin(), w.chunks.end(), chunk) != w.chunks.end();
        }));
      }
  }
}

TEST(RowOrder, CutOverOtherLanesTakesTheSameRowsInTheSameSteps) {
  for (uint64_t number = 0; number < 200; ++number) {
    SCOPED_TRACE("case " + std::to_string(number));
    const Case c(number);
    for (const bool block : {false, true}) {
      const std::shared_ptr<const RowOrder> order = c.order(block);
      const Steps expected = steps_of(*order, 1);
      for (const int64_t lanes : {1, 2, 4, 16, 64}) {
        const auto recut = make_recut_order(order, lanes);
        EXPECT_EQ(recut->shape().lanes, lanes);
        const Steps steps = steps_of(*recut, 1);
        ASSERT_EQ(steps.size(), expected.size());
        for (std::size_t s = 0; s < steps.size(); ++s) {
          std::vector<uint64_t> joined, whole;
          for (std::size_t lane = 0; lane < steps[s].size(); ++lane) {
            const Slice slice = recut->shape().slice(s, static_cast<int64_t>(lane));
            ASSERT_EQ(steps[s][lane].size(), slice.end - slice.begin);
            joined.insert(joined.end(), steps[s][lane].begin(), steps[s][lane].end());
          }
          for (const auto& lane : expected[s]) whole.insert(whole.end(), lane.begin(), lane.end());
          ASSERT_EQ(joined, whole);
        }
        if (block) expect_covering_windows(c, *recut, 1, steps);
      }
    }
  }
}

TEST(RowOrder, IsAPermutationForAnyRowsBatchRanksAndLanesResumableAnywhere) {
  for (uint64_t number = 0; number < 10'000; ++number) {
    SCOPED_TRACE("case " + std::to_string(number));
    const Case c(number);
    const uint64_t epoch = number % 3;
    for (const bool block : {false, true}) {
      SCOPED_TRACE(block ? "block" : "full");
      const Steps all = steps_of(*c.order(block), epoch);
      expect_every_row_once(c, all);
      expect_same_for_ranks(c, block, epoch, all);
      if (block) expect_windows_hold(c, epoch, all);
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

/// C chunks of equal size, all rows training rows.
struct Even {
  Even(uint64_t chunks, uint64_t chunk_rows, uint64_t batch, int64_t lanes, uint64_t chunks_a_window)
      : size(chunk_rows), grid(std::vector<uint64_t>{chunks * chunk_rows}, chunk_rows), parts(std::vector<Part>(grid.rows(), Part::kTrain)),
        shape{.rows = grid.rows(), .global_batch = batch, .lanes = lanes}, width(chunks_a_window) {}
  std::unique_ptr<const RowOrder> block(uint64_t seed) const { return make_block_order(shape, training_chunks(grid, parts), parts, width, seed); }
  std::unique_ptr<const RowOrder> full(uint64_t seed) const { return make_full_order(shape, training_chunks(grid, parts), parts, seed); }

  uint64_t size;
  ChunkGrid grid;
  PartMap parts;
  EpochShape shape;
  uint64_t width;
};

std::vector<std::vector<uint64_t>> batches_of(const RowOrder& order, uint64_t epoch) {
  std::vector<std::vector<uint64_t>> batches;
  for (const auto& lanes : steps_of(order, epoch)) {
    auto& batch = batches.emplace_back();
    for (const auto& lane : lanes) batch.insert(batch.end(), lane.begin(), lane.end());
  }
  return batches;
}

TEST(BlockOrder, EpochsAndSeedsDiffer) {
  const Even e(20, 50, 100, 4, 2);
  EXPECT_NE(steps_of(*e.block(1), 0), steps_of(*e.block(1), 1));
  EXPECT_NE(steps_of(*e.block(1), 0), steps_of(*e.block(2), 0));
  EXPECT_EQ(steps_of(*e.block(1), 3), steps_of(*e.block(1), 3));
}

TEST(BlockOrder, NeighboursMeetAsOftenAsStated) {
  // C = 256 chunks of 64 rows, batches of 64 in 4 lanes, windows of 8 chunks: rows of one chunk meet C/(L·W) = 8 times as often as with
  // the full shuffle.
  const Even e(256, 64, 64, 4, 8);
  double block = 0, full = 0;
  for (uint64_t epoch = 0; epoch < 20; ++epoch) {
    for (const bool is_block : {true, false}) {
      for (const auto& batch : batches_of(is_block ? *e.block(5) : *e.full(5), epoch)) {
        std::map<uint64_t, double> of_chunk;
        for (const uint64_t row : batch) ++of_chunk[row / e.size];
        for (const auto& [chunk, count] : of_chunk) (is_block ? block : full) += count * (count - 1) / 2;
      }
    }
  }
  EXPECT_NEAR(block / full, 8, 1.2);
}

TEST(BlockOrder, TheMeanOfABatchVariesAsStatedWhereRowsAreSorted) {
  // Each chunk has one value (ρ = 1) and values of neighbouring chunks are close: the worst there is.
  const Even e(512, 32, 64, 4, 8);
  double sum = 0, squares = 0, full_squares = 0, count = 0;
  const double middle = static_cast<double>(e.shape.rows - 1) / 2;
  for (uint64_t epoch = 0; epoch < 40; ++epoch) {
    for (const bool is_block : {true, false}) {
      for (const auto& batch : batches_of(is_block ? *e.block(3) : *e.full(3), epoch)) {
        double mean = 0;
        for (const uint64_t row : batch) mean += (static_cast<double>(row) - middle) / static_cast<double>(batch.size());
        (is_block ? squares : full_squares) += mean * mean;
        if (is_block) {
          sum += mean;
          ++count;
        }
      }
    }
  }
  const double stated = 1 + 64.0 / (4 * 8) * (1 - 4.0 * 8 / 512);
  EXPECT_NEAR(squares / full_squares, stated, 0.15 * stated);
  EXPECT_LT(std::abs(sum / count), 4 * std::sqrt(squares / count / count));
}

TEST(BlockOrder, WindowsOfLanesBeginAtDifferentSteps) {
  const Even e(256, 64, 64, 4, 8);
  const auto block = e.block(1);
  const auto order = block->epoch(0);
  std::map<uint64_t, int> begins;
  for (int64_t lane = 0; lane < 4; ++lane) {
    for (const EpochOrder::Window& window : order->windows(lane)) begins[window.first_step] += window.first_step > 0 ? 1 : 0;
  }
  for (const auto& [step, lanes] : begins) EXPECT_LE(lanes, 2) << "step " << step;
}

TEST(LoadSchedule, NamesChunksInTheOrderInWhichStepsNeedThem) {
  const Even e(64, 32, 64, 4, 4);
  const auto order = e.block(2);
  const uint64_t per_epoch = e.shape.steps(), resumed = per_epoch + 7;
  LoadSchedule schedule(1, 3, resumed);
  for (uint64_t epoch = 1; epoch < 3; ++epoch) schedule.add_epoch(*order->epoch(epoch), epoch * per_epoch, order->chunks());
  std::vector<LoadSchedule::Load> loads;
  while (schedule.first() != nullptr) loads.push_back(schedule.take());
  ASSERT_FALSE(loads.empty());
  EXPECT_EQ(loads.front().first_step, resumed);
  EXPECT_TRUE(std::is_sorted(loads.begin(), loads.end()));
  for (uint64_t step = resumed; step < 3 * per_epoch; ++step) {
    std::set<uint32_t> open;
    for (const auto& load : loads) {
      if (load.first_step <= step && step <= load.last_step) open.insert(load.chunk);
    }
    for (int64_t lane = 1; lane < 3; ++lane) {
      std::vector<uint64_t> rows;
      order->epoch(step / per_epoch)->lane_rows(step % per_epoch, lane, rows);
      for (const uint64_t row : rows) EXPECT_TRUE(open.contains(static_cast<uint32_t>(row / e.size)));
    }
  }
}

}  // namespace
}  // namespace cohort::datasets
