// The collectives over MPI: ranks of one node, and of nodes that are pretended.
#include <unistd.h>

#include <algorithm>

#include <gtest/gtest.h>

#include "core/comm/comm_buffer.h"
#include "core/comm/mpi_communicator.h"
#include "tests/support/collectives_matrix.h"
#include "tests/support/world.h"

namespace cohort::core {
namespace {

TEST(Collectives, OfOneNodeAreExactForEveryOperationTypeAndSize) {
  ASSERT_EQ(tests::world().nodes().nodes, 1);
  tests::check_collectives(tests::world());
  tests::check_requests(tests::world());
}

TEST(Collectives, OfSeveralNodesAreExactForEveryOperationTypeAndSize) {
  for (const std::string ranks_per_node : {"1", "2", "1,3", "2,1"}) {
    if (tests::world().size() > 4 && ranks_per_node != "1,3") continue;  // a core's time is short then
    const auto comm = make_pretended_nodes(tests::world(), ranks_per_node);
    tests::check_collectives(*comm, ranks_per_node == "1,3");
    tests::check_requests(*comm);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Collectives, SumRealsInRankOrderWhateverTheNodes) {
  Communicator& world = tests::world();
  const auto values = [&](std::size_t n) {
    std::vector<float> all(n);
    for (std::size_t i = 0; i < n; ++i) all[i] = 1.0F / static_cast<float>(i % 977 + static_cast<std::size_t>(world.rank()) * 31 + 1);
    return all;
  };
  for (const std::size_t n : {std::size_t{100}, std::size_t{300'001}}) {
    std::vector<float> one_node = values(n);
    world.all_reduce(std::span(one_node), Reduction::kSum);
    for (const char* ranks_per_node : {"1", "2", "1,3"}) {
      const auto comm = make_pretended_nodes(world, ranks_per_node);
      std::vector<float> several = values(n);
      comm->all_reduce(std::span(several), Reduction::kSum);
      EXPECT_TRUE(several == one_node);
    }
    const std::unique_ptr<CommBuffer> buffer = world.buffer(n * sizeof(float));
    const std::vector<float> mine = values(n);
    std::copy(mine.begin(), mine.end(), buffer->values<float>().begin());
    buffer->all_reduce<float>(0, n);
    EXPECT_TRUE(std::equal(one_node.begin(), one_node.end(), buffer->values<float>().begin()));
  }
}

TEST(Nodes, AreCountedInTheOrderOfTheirLowestRanks) {
  const auto comm = make_pretended_nodes(tests::world(), "1,2");
  const NodeMap& nodes = comm->nodes();
  for (int r = 0; r < comm->size(); ++r) EXPECT_EQ(nodes.node_of[static_cast<std::size_t>(r)], (r + 1) / 2) << "rank " << r;
  EXPECT_EQ(nodes.nodes, comm->size() / 2 + 1);
  EXPECT_EQ(nodes.ranks_here[static_cast<std::size_t>(nodes.rank_here)], comm->rank());
  EXPECT_EQ(comm->size() > 1 ? comm->window(64) : nullptr, nullptr) << "ranks of several nodes share no window";
}

TEST(Window, HasTheSizeEachRankAskedForAndIsSeenByAll) {
  Communicator& comm = tests::world();
  if (comm.size() == 1) GTEST_SKIP() << "a rank alone has no window";
  const auto bytes_of = [](int rank) { return static_cast<std::size_t>(rank) * 100'000; };  // rank 0: nothing
  const std::unique_ptr<Window> window = comm.window(bytes_of(comm.rank()));
  ASSERT_NE(window, nullptr);
  for (int round = 0; round < 50; ++round) {
    std::fill(window->of(comm.rank()).begin(), window->of(comm.rank()).end(), static_cast<std::byte>(round + comm.rank()));
    window->fence();
    for (int r = 0; r < comm.size(); ++r) {
      const std::span<std::byte> segment = window->of(r);
      ASSERT_EQ(segment.size(), bytes_of(r));
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(segment.data()) % 64, 0u);
      ASSERT_EQ(std::count(segment.begin(), segment.end(), static_cast<std::byte>(round + r)), static_cast<std::ptrdiff_t>(segment.size()));
    }
    window->fence();
  }
}

TEST(Window, TooLargeForTheMachineIsOneErrorOnAllRanks) {
  Communicator& comm = tests::world();
  if (comm.size() == 1) GTEST_SKIP() << "a rank alone has no window";
  try {
    // Only the last rank asks for too much.
    const auto window = comm.window(comm.rank() == comm.size() - 1 ? std::size_t{1} << 44 : 64);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit(), Exit::kFailed);
    EXPECT_TRUE(error.everywhere());
    EXPECT_NE(error.message().find("shared memory is too small: this machine's ranks need 16777216."), std::string::npos) << error.message();
    EXPECT_NE(error.remedy().find("--shm-size"), std::string::npos) << error.remedy();
  }
  int64_t value = 1;
  comm.sum({&value, 1});  // and the communicator goes on
  EXPECT_EQ(value, comm.size());
}

// Run by shared_memory_test.py alone, which kills it.
TEST(Window, DISABLED_IsHeldUntilTheRunIsKilled) {
  const std::unique_ptr<Window> window = tests::world().window(std::size_t{4} << 20);
  window->fence();
  for (;;) pause();
}

TEST(RanksPerNode, AreNumbersSeparatedByCommas) {
  EXPECT_EQ(parse_ranks_per_node(""), std::vector<int>());
  EXPECT_EQ(parse_ranks_per_node("2"), std::vector<int>({2}));
  EXPECT_EQ(parse_ranks_per_node("1,3"), std::vector<int>({1, 3}));
  for (const char* text : {"0", "-1", "2,", ",2", "two", "1 3", "1,,3"}) EXPECT_THROW(parse_ranks_per_node(text), Error) << text;
}

}  // namespace
}  // namespace cohort::core
