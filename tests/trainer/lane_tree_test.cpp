#include "trainer/lane_tree.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "tests/support/thread_communicator.h"

namespace cohort::trainer {
namespace {

/// Values whose sums depend on the order of addition.
std::vector<float> uneven_vector(std::size_t floats, int64_t lane) {
  std::mt19937 random(static_cast<unsigned>(lane + 1));
  std::uniform_real_distribution<float> exponent(-12, 12);
  std::vector<float> values(floats);
  for (float& value : values) value = std::ldexp(exponent(random), static_cast<int>(exponent(random)));
  return values;
}

/// The sum of lanes [first, first + count) as the definition says: left half plus right half.
std::vector<float> by_definition(std::size_t floats, int64_t first, int64_t count) {
  if (count == 1) return uneven_vector(floats, first);
  std::vector<float> left = by_definition(floats, first, count / 2);
  const std::vector<float> right = by_definition(floats, first + count / 2, count / 2);
  for (std::size_t i = 0; i < floats; ++i) left[i] = left[i] + right[i];
  return left;
}

TEST(LaneTree, CoverIsThePartitionOfLanesIntoTheFewestAlignedNodes) {
  for (const int64_t lanes : {1, 2, 8, 64})
    for (int64_t first = 0; first < lanes; ++first)
      for (int64_t last = first + 1; last <= lanes; ++last) {
        int64_t next = first;
        for (const LaneNode& node : cover(first, last, lanes)) {
          EXPECT_EQ(node.first, next);
          EXPECT_EQ(node.first % node.count, 0);
          EXPECT_EQ(node.count & (node.count - 1), 0);
          next += node.count;
        }
        EXPECT_EQ(next, last);
      }
}

TEST(LaneTree, RanksShareAllLanesInOrder) {
  for (int ranks = 1; ranks <= 8; ++ranks) {
    int64_t next = 0;
    for (int r = 0; r < ranks; ++r) {
      const LaneNode mine = lanes_of_rank(8, r, ranks);
      EXPECT_EQ(mine.first, next);
      EXPECT_GE(mine.count, 1);
      next += mine.count;
    }
    EXPECT_EQ(next, 8);
  }
}

TEST(LaneTree, SumsOfThreadsInAnyOrderHaveTheTreesBits) {
  constexpr std::size_t kFloats = 5000;
  constexpr int64_t kLanes = 8;
  const std::vector<float> expected = by_definition(kFloats, 0, kLanes);
  for (unsigned seed = 0; seed < 20; ++seed) {
    AlignedFloats root(kFloats);
    LaneSums sums({{0, kLanes}}, {root.data()}, kFloats);
    std::vector<int64_t> order(kLanes);
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), std::mt19937(seed));
    const auto half = [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) {
        const std::vector<float> vector = uneven_vector(kFloats, order[i]);
        const LaneSums::Place place = i % 3 == 0 ? sums.take(order[i]) : sums.join(order[i]);
        for (std::size_t k = 0; k < kFloats; ++k) place.to[k] = place.add ? place.to[k] + vector[k] : vector[k];
        sums.put(place);
      }
    };
    std::thread other([&] { half(0, kLanes / 2); });
    half(kLanes / 2, kLanes);
    other.join();
    sums.finish();
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), root.data()));
  }
}

}  // namespace
}  // namespace cohort::trainer
