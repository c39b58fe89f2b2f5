// The collectives of one process and of threads that act as ranks of one node; over MPI: tests/ranks/collectives_test.cpp.
#include <atomic>
#include <cmath>
#include <limits>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/comm/combine.h"
#include "tests/support/collectives_matrix.h"
#include "tests/support/thread_communicator.h"

namespace cohort::core {
namespace {

TEST(Collectives, OfOneProcessAreCopies) {
  const auto comm = make_self_communicator();
  tests::check_collectives(*comm);
  tests::check_requests(*comm);
}

TEST(Collectives, OfThreadsAreExactForEveryOperationTypeAndSize) {
  for (const int ranks : {1, 2, 3, 8}) tests::run_ranks(ranks, [&](Communicator& comm) { tests::check_collectives(comm, ranks == 3); });
}

TEST(Collectives, MayBeUnderWayTogetherAndBeWaitedForInAnyOrder) {
  for (const int ranks : {2, 3, 4}) tests::run_ranks(ranks, [&](Communicator& comm) { tests::check_requests(comm); });
}

TEST(Collectives, SumRealsInRankOrder) {
  // 2^24 + 1 is not a float: where the ones are added decides what comes out.
  for (const std::size_t n : {std::size_t{5}, std::size_t{60'000}}) {
    tests::run_ranks(4, [&](Communicator& comm) {
      const float values[] = {1.0F, 16777216.0F, 1.0F, -16777216.0F};
      std::vector<float> mine(n, values[comm.rank()]);
      comm.all_reduce(std::span(mine), Reduction::kSum);
      EXPECT_EQ(mine, std::vector<float>(n, ((1.0F + 16777216.0F) + 1.0F) + -16777216.0F));
    });
  }
}

TEST(Collectives, CarryNaNThroughEveryReduction) {
  for (const Reduction reduction : {Reduction::kSum, Reduction::kMinimum, Reduction::kMaximum}) {
    for (const int rank : {0, 1, 2}) {
      tests::run_ranks(3, [&](Communicator& comm) {
        std::vector<float> mine(100, 1.0F);
        if (comm.rank() == rank) mine[70] = std::numeric_limits<float>::quiet_NaN();
        comm.all_reduce(std::span(mine), reduction);
        EXPECT_TRUE(std::isnan(mine[70]));
        EXPECT_EQ(mine[69], reduction == Reduction::kSum ? 3.0F : 1.0F);
      });
    }
  }
}

/// What is said when rank `odd` sums while the others meet at a barrier.
std::string message_of_odd(int ranks, int odd) {
  try {
    tests::run_ranks(ranks, [&](Communicator& comm) {
      int64_t value = 1;
      if (comm.rank() == odd) comm.sum({&value, 1});
      else comm.barrier();
    });
  } catch (const Error& error) {
    return fmt::format("[{}] {}", error.rank(), error.message());
  }
  return "nothing";
}

TEST(Collectives, ThatDifferBetweenRanksAreNamed) {
  for (const int odd : {0, 1, 2})
    EXPECT_EQ(message_of_odd(3, odd),
              fmt::format("[{0}] ranks went different ways: rank {0} is in all-reduce (count 1, detail 48, round 0), rank {1} in barrier (count 0, detail 0, round 0)", odd, odd == 0 ? 1 : 0));
  EXPECT_EQ(message_of_odd(2, 0),
            "[1] ranks went different ways: rank 1 is in barrier (count 0, detail 0, round 0), rank 0 in all-reduce (count 1, detail 48, round 0); which of them is wrong can't be told");
}

TEST(Collectives, WhoseSizesDifferAreNamedByTheReceiver) {
  try {
    tests::run_ranks(2, [](Communicator& comm) {
      const std::vector<std::size_t> send{4, 4}, receive{4, comm.rank() == 0 ? std::size_t{8} : std::size_t{4}};
      std::vector<std::byte> from(8), to(receive[0] + receive[1]);
      if (comm.rank() == 0) comm.all_to_all(from, send, to, receive);
      if (comm.rank() == 1) comm.all_to_all(from, send, std::span(to), send);
    });
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "all-to-all: rank 1 sends 4 bytes to rank 0, which expects 8");
  }
}

TEST(Communicator, UsedByTwoThreadsAtOnceIsAnError) {
  tests::run_ranks(2, [](Communicator& comm) {
    if (comm.rank() == 1) {
      std::byte go{};
      comm.receive({&go, 1}, 0);
      comm.barrier();
      return;
    }
    std::atomic<bool> refused = false;
    // One thread waits in a barrier that rank 1 joins only after the other thread's call was refused.
    Request waiting = comm.start_barrier();
    std::thread first([&] {
      while (!refused) {
        try {
          if (waiting.test()) break;
        } catch (const Error&) {
        }
      }
    });
    while (!refused) {
      try {
        Request other = comm.start_send({}, 1, 9);
        other.wait();
      } catch (const Error& error) {
        EXPECT_EQ(error.message(), "two threads called the communicator at once");
        refused = true;
      }
    }
    first.join();
    const std::byte go{};
    comm.send({&go, 1}, 1);
    waiting.wait();
  });
}

TEST(Request, GivenUpLeavesTheCommunicatorUnusable) {
  std::atomic<bool> dropped = false;
  const auto give_up = [&] {
    tests::run_ranks(2, [&](Communicator& comm) {
      std::vector<float> values(10);
      if (comm.rank() == 0) {
        { const Request request = comm.start_all_reduce(std::span(values), Reduction::kSum); }
        dropped = true;
        comm.barrier();
      } else {
        while (!dropped) std::this_thread::yield();
        comm.all_reduce(std::span(values), Reduction::kSum);
        comm.barrier();
      }
    });
  };
  try {
    give_up();
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("was given up before it was done"), std::string::npos) << error.message();
  }
}

TEST(Combine, GivesTheSameForAnyNumberOfVectors) {
  for (std::size_t vectors = 1; vectors < 7; ++vectors) {
    std::vector<std::vector<double>> sources(vectors, std::vector<double>(1000));
    std::vector<const std::byte*> pointers;
    for (std::size_t v = 0; v < vectors; ++v) {
      for (std::size_t i = 0; i < 1000; ++i) sources[v][i] = 1.0 / static_cast<double>(v * 1000 + i + 1);
      pointers.push_back(reinterpret_cast<const std::byte*>(sources[v].data()));
    }
    std::vector<double> expected = sources[0];
    for (std::size_t v = 1; v < vectors; ++v) {
      for (std::size_t i = 0; i < 1000; ++i) expected[i] += sources[v][i];
    }
    combine(ElementType::kDouble, Reduction::kSum, pointers, reinterpret_cast<std::byte*>(sources.back().data()), 1000);
    EXPECT_EQ(sources.back(), expected);
  }
}

}  // namespace
}  // namespace cohort::core
