// Whole steps, tables and their exchange included, on a cluster whose messages are late and whose ranks die: the bits of one rank, or an error; never other
// bits, never a hang.
#include <gtest/gtest.h>

#include "tests/support/simulated_cluster.h"
#include "tests/trainer/small_run.h"

namespace cohort::trainer {
namespace {

TEST(SimulatedStep, GivesTheBitsOfOneRankOrAnError) {
  const std::vector<std::string> plans = {"table_wise", "row_wise", "column_wise", "replicated", "hot", "mixed"};
  Setting setting{.net = "bags", .clip_norm = 0.05};
  const auto self = core::make_self_communicator();
  const Result expected = SmallRun(setting).on(*self);
  tests::for_seeds([&](uint64_t seed) {
    const int ranks = static_cast<int>(2 + seed % 4);
    setting.plan = plans[seed / 4 % plans.size()];
    setting.bucket_bytes = seed % 2 == 0 ? 64 : 1 << 20;
    setting.ahead = static_cast<int>(seed / 5 % 2);
    const SmallRun small(setting);
    const tests::Cluster cluster{.ranks = ranks, .deaths = seed % 3 == 0 ? 1 : 0, .death_before = 60'000, .patience = 2'000'000};
    std::vector<Result> results(static_cast<std::size_t>(ranks));
    const tests::Simulation run = tests::simulate(seed, cluster, [&](core::Communicator& comm) {
      results[static_cast<std::size_t>(comm.rank())] = small.on(comm);
    });
    for (std::size_t r = 0; r < run.ranks.size(); ++r) {
      if (!run.any_died()) {
        ASSERT_TRUE(run.ranks[r].finished()) << run.ranks[r].error->what();
      }
      if (run.ranks[r].finished()) {
        ASSERT_EQ(results[r].losses, expected.losses) << "rank " << r << ", " << setting.plan;
      }
    }
    if (run.ranks[0].finished()) {
      ASSERT_EQ(results[0], expected) << setting.plan;
    }
  }, /*usual=*/24);
}

TEST(SimulatedStep, WaitsLessWhenTheIdsOfTwoStepsAreUnderWay) {
  // Time passes in messages alone here: what is counted is how many of them a step waits for, one after another.
  const auto time_of = [](int ahead) {
    const SmallRun small({.net = "bags", .ahead = ahead});
    tests::VirtualTime time = 0;
    for (uint64_t seed = 0; seed < 6; ++seed)
      time += tests::simulate(seed, {.ranks = 4, .compute = 0}, [&](core::Communicator& comm) { small.on(comm, 12); }).ranks.front().time;
    return time;
  };
  EXPECT_LT(time_of(2), time_of(1) * 9 / 10);
}

}  // namespace
}  // namespace cohort::trainer
