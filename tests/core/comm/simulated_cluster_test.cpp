// The agreement of ranks when messages are late and ranks die.
#include <numeric>

#include <gtest/gtest.h>

#include "core/philox.h"
#include "tests/support/simulated_cluster.h"

namespace cohort::core {
namespace {

/// A few steps of ordinary work; every result is compared.
void work_in_steps(Communicator& comm, int steps) {
  const int64_t ranks = comm.size();
  for (int64_t step = 0; step < steps; ++step) {
    int64_t sum = comm.rank() + step;
    comm.sum({&sum, 1});
    ASSERT_EQ(sum, ranks * (ranks - 1) / 2 + ranks * step);
    std::vector<Bytes> send;
    for (int r = 0; r < comm.size(); ++r) send.emplace_back(static_cast<std::size_t>(r + comm.rank()), static_cast<std::byte>(comm.rank()));
    const std::vector<Bytes> received = comm.all_to_all(send);
    for (int r = 0; r < comm.size(); ++r) {
      ASSERT_EQ(received[static_cast<std::size_t>(r)], Bytes(static_cast<std::size_t>(r + comm.rank()), static_cast<std::byte>(r)));
    }
    ASSERT_EQ(broadcast_text(comm, comm.rank() == 1 ? "text" : "", 1), "text");
    if (comm.rank() == 0) comm.send(std::as_bytes(std::span(&step, 1)), 1, 3);
    int64_t told = -1;
    if (comm.rank() == 1) comm.receive(std::as_writable_bytes(std::span(&told, 1)), 0, 3);
    if (comm.rank() == 1) {
      ASSERT_EQ(told, step);
    }
    comm.barrier();
  }
}

TEST(SimulatedCluster, RunsTheSameAgainFromItsSeed) {
  const auto trace = [](uint64_t seed) { return tests::simulate(seed, {.ranks = 5, .deaths = 2}, [](Communicator& comm) { work_in_steps(comm, 5); }).trace; };
  EXPECT_EQ(trace(1), trace(1));
  EXPECT_EQ(trace(2), trace(2));
  EXPECT_NE(trace(1), trace(2));
}

TEST(SimulatedCluster, DeliversEverythingHoweverLate) {
  tests::for_seeds([](uint64_t seed) {
    const tests::Simulation run = tests::simulate(seed, {.ranks = static_cast<int>(2 + seed % 5)}, [](Communicator& comm) { work_in_steps(comm, 3); });
    for (const tests::Ending& ending : run.ranks) ASSERT_TRUE(ending.finished()) << (ending.error ? ending.error->what() : "died");
  });
}

TEST(SimulatedCluster, NamesADeadRankWithinTheTimeOut) {
  int runs_with_deaths = 0;
  tests::for_seeds([&](uint64_t seed) {
    const tests::Cluster cluster{.ranks = static_cast<int>(2 + seed % 4), .deaths = 2, .patience = 1'000'000};
    const tests::Simulation run = tests::simulate(seed, cluster, [](Communicator& comm) { work_in_steps(comm, 20); });
    runs_with_deaths += run.any_died() ? 1 : 0;
    for (const tests::Ending& ending : run.ranks) {
      if (!run.any_died()) {
        ASSERT_TRUE(ending.finished());
      }
      // Each wait is bounded, and nobody waits twice for a dead rank.
      ASSERT_LE(ending.time, 20 * 7 * 50 * cluster.delay + cluster.patience);
      if (ending.error) {
        ASSERT_NE(ending.error->message().find("waited 1 s for rank"), std::string::npos) << ending.error->what();
      }
    }
  });
  if (std::getenv("COHORT_SEED") == nullptr) {
    EXPECT_GT(runs_with_deaths, 20);
  }
}

TEST(Agreement, OfASimulatedClusterIsOneErrorOrNone) {
  tests::for_seeds([](uint64_t seed) {
    const KeyedRandom random(seed, "failing");
    const int ranks = static_cast<int>(2 + seed % 6);
    std::vector<int> failing;
    for (int r = 0; r < ranks; ++r) {
      if (random.below(static_cast<uint64_t>(r), 3) == 0) failing.push_back(r);
    }
    const tests::Simulation run = tests::simulate(seed, {.ranks = ranks, .deaths = seed % 2 == 0 ? 0 : 1, .death_before = 3000}, [&](Communicator& comm) {
      together(comm, [&] {
        if (std::find(failing.begin(), failing.end(), comm.rank()) != failing.end()) throw damaged_error("rank " + std::to_string(comm.rank()) + " is torn");
      });
    });
    for (const tests::Ending& ending : run.ranks) {
      if (ending.died) continue;
      const bool told = ending.error && ending.error->everywhere();
      // Whoever speaks for all names the lowest failing rank; without deaths everybody does, or nobody.
      if (told) {
        ASSERT_EQ(ending.error->message(), "rank " + std::to_string(failing.front()) + " is torn");
      }
      if (!run.any_died()) {
        ASSERT_EQ(told, !failing.empty());
      }
      if (ending.finished()) {
        ASSERT_TRUE(failing.empty());
      }
    }
  });
}

}  // namespace
}  // namespace cohort::core
