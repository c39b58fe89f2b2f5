#include "core/flight/clock_offset.h"

#include <atomic>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/thread_communicator.h"

namespace cohort::core {
namespace {

constexpr int64_t kSkew[] = {7'000, -1'000'000'000'000, 5, 123'456'789};

TEST(ClockOffset, IsExactlyNothingAmongRanksOfOneBoot) {
  tests::run_ranks(3, [](Communicator& comm) {
    int asked = 0;
    EXPECT_EQ(clock_offset_ns(comm, [&] { return ++asked * kSkew[comm.rank()]; }, "boot"), 0);
    EXPECT_EQ(asked, 0);
    EXPECT_EQ(clock_offset_ns(comm), 0);
  });
}

TEST(ClockOffset, IsTheDifferenceOfClocksWhereBothWaysTakeAsLong) {
  // Every look at a clock takes one unit of the time that all share.
  std::atomic<int64_t> time = 0;
  tests::run_ranks(4, [&](Communicator& comm) {
    const int rank = comm.rank();
    const int64_t offset = clock_offset_ns(comm, [&, rank] { return time.fetch_add(1) + kSkew[rank]; }, "boot " + std::to_string(rank));
    EXPECT_EQ(offset, kSkew[0] - kSkew[rank]) << "rank " << rank;
  });
}

TEST(ClockOffset, IsMeasuredOnceAMachineAndIsTheSameForAllItsRanks) {
  std::atomic<int64_t> time = 0;
  std::atomic<int> looked[4] = {};
  tests::run_ranks(4, [&](Communicator& comm) {
    const int rank = comm.rank(), machine = rank / 2;
    const int64_t offset = clock_offset_ns(comm, [&, rank, machine] { return ++looked[rank], time.fetch_add(1) + kSkew[machine]; }, machine == 0 ? "a" : "b");
    EXPECT_EQ(offset, kSkew[0] - kSkew[machine]) << "rank " << rank;
  });
  EXPECT_GT(looked[0], 0);
  EXPECT_EQ(looked[1], 0);
  EXPECT_GT(looked[2], 0);
  EXPECT_EQ(looked[3], 0);
}

TEST(ClockOffset, TakesTheExchangeWithTheShortestWay) {
  // The way there is slow but for the tenth exchange.
  std::atomic<int64_t> time = 0;
  int exchange = 0;
  tests::run_ranks(2, [&](Communicator& comm) {
    const int rank = comm.rank();
    const int64_t offset = clock_offset_ns(
        comm,
        [&, rank] {
          if (rank == 0) time += 1000 * std::abs(exchange++ - 9);
          return time.fetch_add(1) + kSkew[rank];
        },
        rank == 0 ? "a" : "b");
    EXPECT_EQ(offset, kSkew[0] - kSkew[rank]) << "rank " << rank;
  });
}

TEST(ClockOffset, TakesUnknownBootsForDifferentMachines) {
  std::atomic<int64_t> time = 0;
  tests::run_ranks(2, [&](Communicator& comm) {
    const int rank = comm.rank();
    EXPECT_EQ(clock_offset_ns(comm, [&, rank] { return time.fetch_add(1) + kSkew[rank]; }, ""), kSkew[0] - kSkew[rank]);
  });
}

}  // namespace
}  // namespace cohort::core
