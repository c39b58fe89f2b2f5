// The lane reducer on a cluster whose messages are late and whose ranks die: the tree's bits, or an error; never other bits, never a hang.
#include <algorithm>

#include <gtest/gtest.h>

#include "core/philox.h"
#include "tests/support/simulated_cluster.h"
#include "trainer/lane_reducer.h"

namespace cohort::trainer {
namespace {

constexpr int64_t kSimulatedLanes = 8;
constexpr std::size_t kSimulatedFloats = 100;

/// Values of many magnitudes: their sum depends on the order.
std::vector<float> lane_vector(int64_t lane, int step) {
  const core::KeyedRandom random(7, "lane", static_cast<uint32_t>(lane), static_cast<uint32_t>(step));
  std::vector<float> vector(kSimulatedFloats);
  for (std::size_t i = 0; i < vector.size(); ++i) vector[i] = (random.uniform_float(i) - 0.5F) / (0.001F + random.uniform_float(1000 + i));
  return vector;
}

/// By the definition: the left half plus the right half.
std::vector<float> tree_sum(int64_t first, int64_t count, int step) {
  if (count == 1) return lane_vector(first, step);
  std::vector<float> left = tree_sum(first, count / 2, step);
  const std::vector<float> right = tree_sum(first + count / 2, count / 2, step);
  for (std::size_t i = 0; i < left.size(); ++i) left[i] += right[i];
  return left;
}

TEST(SimulatedReducer, GivesTheTreesBitsOrAnError) {
  constexpr int kSteps = 3;
  std::vector<std::vector<float>> expected;
  for (int step = 0; step < kSteps; ++step) expected.push_back(tree_sum(0, kSimulatedLanes, step));
  tests::for_seeds([&](uint64_t seed) {
    const int ranks = static_cast<int>(1 + seed % 8);
    const tests::Cluster cluster{.ranks = ranks, .deaths = ranks > 1 && seed % 3 == 0 ? 1 : 0, .death_before = 10'000, .patience = 1'000'000};
    std::vector<int> steps_done(static_cast<std::size_t>(ranks));
    const tests::Simulation run = tests::simulate(seed, cluster, [&](core::Communicator& comm) {
      LaneReducer reducer(comm, kSimulatedLanes, kSimulatedFloats);
      LaneSums sums(reducer.nodes(), reducer.roots(), kSimulatedFloats);
      for (int step = 0; step < kSteps; ++step) {
        for (int64_t lane = reducer.first_lane(); lane < reducer.last_lane(); ++lane) {
          float* vector = sums.take(lane);
          std::ranges::copy(lane_vector(lane, step), vector);
          sums.put(lane, vector);
        }
        sums.finish();
        const float* total = reducer.reduce();
        ASSERT_TRUE(std::equal(expected[static_cast<std::size_t>(step)].begin(), expected[static_cast<std::size_t>(step)].end(), total));
        ++steps_done[static_cast<std::size_t>(comm.rank())];
      }
    });
    for (std::size_t r = 0; r < run.ranks.size(); ++r) {
      if (run.ranks[r].finished()) {
        ASSERT_EQ(steps_done[r], kSteps);
      }
      if (!run.any_died()) {
        ASSERT_TRUE(run.ranks[r].finished()) << run.ranks[r].error->what();
      }
    }
  });
}

}  // namespace
}  // namespace cohort::trainer
