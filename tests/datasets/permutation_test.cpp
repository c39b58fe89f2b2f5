#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "datasets/loader/permutation.h"
#include "datasets/loader/row_order.h"

namespace cohort::datasets {
namespace {

std::vector<uint64_t> order(uint64_t n, uint64_t seed, uint64_t epoch) {
  const KeyedPermutation permutation(n, seed, epoch);
  std::vector<uint64_t> result(n);
  for (uint64_t i = 0; i < n; ++i) result[i] = permutation(i);
  return result;
}

std::vector<uint64_t> sizes() {
  std::vector<uint64_t> all{1, 2, 3, 4, 5, 6, 7, 11, 97, 1009, 65537, 100003};
  for (uint64_t power = 8; power <= 1 << 17; power *= 2) {
    for (const uint64_t n : {power - 1, power, power + 1}) all.push_back(n);
  }
  return all;
}

TEST(KeyedPermutation, HoldsEachPositionOnceForAnySize) {
  for (const uint64_t n : sizes()) {
    for (const uint64_t epoch : {0u, 1u, 7u}) {
      std::vector<uint64_t> all = order(n, 42, epoch);
      std::sort(all.begin(), all.end());
      for (uint64_t i = 0; i < n; ++i) ASSERT_EQ(all[i], i) << "n = " << n << ", epoch " << epoch;
    }
  }
}

TEST(KeyedPermutation, DiffersFromEpochToEpochAndSeedToSeed) {
  EXPECT_NE(order(1000, 1, 0), order(1000, 1, 1));
  EXPECT_NE(order(1000, 1, 0), order(1000, 2, 0));
  EXPECT_NE(order(1000, 1, 0), order(1000, 1, uint64_t{1} << 32));
  EXPECT_EQ(order(1000, 1, 5), order(1000, 1, 5));
}

TEST(KeyedPermutation, LooksShuffled) {
  // Of a random permutation: about one fixed point, mean distance n/3, and no relation to a neighbour or the next epoch.
  const uint64_t n = 100000;
  const auto a = order(n, 3, 0), b = order(n, 3, 1);
  uint64_t fixed = 0;
  double distance = 0, epochs = 0, neighbours = 0;
  const double size = static_cast<double>(n), middle = (size - 1) / 2, variance = size * size / 12;
  for (uint64_t i = 0; i < n; ++i) {
    fixed += a[i] == i ? 1 : 0;
    distance += std::abs(static_cast<double>(a[i]) - static_cast<double>(i));
    epochs += (static_cast<double>(a[i]) - middle) * (static_cast<double>(b[i]) - middle);
    if (i > 0) neighbours += (static_cast<double>(a[i]) - middle) * (static_cast<double>(a[i - 1]) - middle);
  }
  EXPECT_LT(fixed, 12u);
  EXPECT_NEAR(distance / size / size, 1.0 / 3, 0.01);
  EXPECT_LT(std::abs(epochs / size / variance), 0.02);
  EXPECT_LT(std::abs(neighbours / size / variance), 0.02);
}

TEST(KeyedPermutation, WorksBeyondMemory) {
  const uint64_t n = (uint64_t{1} << 52) + 12345;
  const KeyedPermutation permutation(n, 1, 2);
  for (uint64_t i = 0; i < 1000; ++i) EXPECT_LT(permutation(n - 1 - i), n);
}

TEST(LaneSlice, CutsEveryBatchIntoPiecesThatDifferByOneRow) {
  for (const uint64_t rows : {0u, 1u, 5u, 8u, 100u, 1023u}) {
    uint64_t next = 0;
    for (int64_t lane = 0; lane < 8; ++lane) {
      const Slice slice = lane_slice(rows, lane, 8);
      EXPECT_EQ(slice.begin, next);
      EXPECT_LE(slice.end - slice.begin, rows / 8 + 1);
      EXPECT_GE(slice.end - slice.begin, rows / 8);
      next = slice.end;
    }
    EXPECT_EQ(next, rows);
  }
}

}  // namespace
}  // namespace cohort::datasets
