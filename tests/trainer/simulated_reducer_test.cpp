// The gradient reducer on a cluster whose messages are late and whose ranks die: the tree's bits, or an error; never other bits, never a hang.
#include <algorithm>

#include <gtest/gtest.h>

#include "core/philox.h"
#include "tests/support/simulated_cluster.h"
#include "trainer/gradient_reducer.h"

namespace cohort::trainer {
namespace {

constexpr int64_t kSimulatedLanes = 8;

FlatLayout small_layout() { return {{{"head", {1, 50}}, {"body", {40}}}, {{"mean", {5}}}}; }

/// Every lane's gradient of one step: values of many magnitudes, so that their sum depends on the order.
void fill_lanes(GradientReducer& reducer, int step) {
  for (int64_t lane = reducer.first_lane(); lane < reducer.last_lane(); ++lane) {
    const core::KeyedRandom random(7, "lane", static_cast<uint32_t>(lane), static_cast<uint32_t>(step));
    const auto value = [&](int64_t i) {
      const auto at = static_cast<uint64_t>(i);
      return (random.uniform_float(at) - 0.5F) / (0.001F + random.uniform_float(1000 + at));
    };
    LaneGradient gradient(reducer, lane);
    for (int64_t i = 0; i < reducer.layout().tail().floats; ++i) gradient.tail()[i] = value(i);
    gradient.tail()[reducer.layout().overflow() - reducer.layout().tail().begin] = 0;
    for (std::size_t p = 0; p < reducer.layout().parameters().size(); ++p) {
      std::vector<float> values;
      for (int64_t i = 0; i < reducer.layout().parameters()[p].numel; ++i) values.push_back(value(100 * static_cast<int64_t>(p + 1) + i));
      gradient.put(p, values.data());
    }
    gradient.finish();
  }
}

TEST(SimulatedReducer, GivesTheTreesBitsOrAnError) {
  constexpr int kSteps = 3;
  const FlatLayout layout = small_layout();
  std::vector<std::vector<float>> expected;
  {
    const auto self = core::make_self_communicator();
    const BucketPlan plan(layout, 1 << 20, 1);
    GradientReducer reducer(*self, kSimulatedLanes, layout, plan);
    for (int step = 0; step < kSteps; ++step) {
      fill_lanes(reducer, step);
      const float* sum = reducer.reduce();
      expected.emplace_back(sum, sum + layout.gradient_floats());
    }
  }
  tests::for_seeds([&](uint64_t seed) {
    const int ranks = static_cast<int>(1 + seed % 8);
    const tests::Cluster cluster{.ranks = ranks, .deaths = ranks > 1 && seed % 3 == 0 ? 1 : 0, .death_before = 10'000, .patience = 1'000'000};
    std::vector<int> steps_done(static_cast<std::size_t>(ranks));
    const tests::Simulation run = tests::simulate(seed, cluster, [&](core::Communicator& comm) {
      const BucketPlan plan(layout, seed % 2 == 0 ? 1 : 1 << 20, ranks);
      GradientReducer reducer(comm, kSimulatedLanes, layout, plan);
      for (int step = 0; step < kSteps; ++step) {
        fill_lanes(reducer, step);
        const float* sum = reducer.reduce();
        std::vector<FlatRange> ranges = plan.owned(comm.rank());
        ranges.push_back(layout.tail());
        for (const FlatRange& range : ranges) {
          const float* right = expected[static_cast<std::size_t>(step)].data();
          ASSERT_TRUE(std::equal(sum + range.begin, sum + range.end(), right + range.begin)) << "rank " << comm.rank();
        }
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
