#include "datasets/loader/row_sum.h"

#include <algorithm>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace cohort::datasets {
namespace {

TEST(RowSum, IsTheSameHoweverRowsAreDealtAndOrdered) {
  const RowHash hash(3);
  std::vector<uint64_t> rows;
  for (uint64_t i = 0; i < 1000; ++i) rows.push_back(i * i * 977);
  const RowSum whole = hash.sum(rows);
  EXPECT_EQ(whole.rows, 1000u);
  std::reverse(rows.begin(), rows.end());
  RowSum parts;
  for (std::size_t first = 0; first < rows.size(); first += 37) parts += hash.sum(std::span(rows).subspan(first, std::min<std::size_t>(37, rows.size() - first)));
  EXPECT_EQ(parts, whole);
}

TEST(RowSum, TellsAMissingARepeatedAndAnExchangedRow) {
  const RowHash hash(3);
  const std::vector<uint64_t> rows = {0, 1, 2, 3, UINT64_MAX};
  const RowSum whole = hash.sum(rows);
  EXPECT_NE(hash.sum(std::vector<uint64_t>{0, 1, 2, 3}), whole);
  EXPECT_NE(hash.sum(std::vector<uint64_t>{0, 1, 2, 3, 3}), whole);
  EXPECT_NE(hash.sum(std::vector<uint64_t>{0, 1, 2, 4, UINT64_MAX}), whole);
  EXPECT_NE(hash.sum(std::vector<uint64_t>{0, 1, 1, 3, UINT64_MAX}).sum, whole.sum);
}

TEST(RowSum, DependsOnTheSeed) { EXPECT_NE(RowHash(1).sum(std::vector<uint64_t>{5}).sum, RowHash(2).sum(std::vector<uint64_t>{5}).sum); }

TEST(RowSum, HashesDifferInBothHalves) {
  const RowHash hash(1);
  std::set<uint64_t> halves;
  for (uint64_t row = 0; row < 10'000; ++row) {
    const RowSum one = hash.sum(std::vector<uint64_t>{row});
    halves.insert(one.low());
    halves.insert(one.high());
  }
  EXPECT_EQ(halves.size(), 20'000u);
}

TEST(RowSum, IsWrittenInThirtyTwoDigits) {
  RowSum sum;
  sum.sum = static_cast<unsigned __int128>(0xABCDu) << 64 | 0x12u;
  EXPECT_EQ(sum.hex(), "000000000000abcd0000000000000012");
}

}  // namespace
}  // namespace cohort::datasets
