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

}  // namespace
}  // namespace cohort::trainer
