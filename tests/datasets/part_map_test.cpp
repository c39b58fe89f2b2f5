#include "datasets/split/part_map.h"

#include <vector>

#include <gtest/gtest.h>

#include "core/philox.h"

namespace cohort::datasets {
namespace {

/// Parts drawn with these shares, in tenths.
std::vector<Part> drawn(uint64_t rows, uint64_t seed, std::vector<Part> tenths) {
  const core::KeyedRandom random(seed, "parts");
  std::vector<Part> parts;
  for (uint64_t i = 0; i < rows; ++i) parts.push_back(tenths[random.below(i, tenths.size())]);
  return parts;
}

void expect_all(const std::vector<Part>& parts) {
  const PartMap map(parts);
  ASSERT_EQ(map.rows(), parts.size());
  uint64_t seen[4] = {};
  for (uint64_t row = 0; row < parts.size(); ++row) {
    const auto p = static_cast<std::size_t>(parts[row]);
    ASSERT_EQ(map.part(row), parts[row]);
    ASSERT_EQ(map.row(parts[row], seen[p]), row);
    for (std::size_t q = 0; q < 4; ++q) ASSERT_EQ(map.rank(static_cast<Part>(q), row), seen[q]) << "row " << row;
    ++seen[p];
  }
  for (std::size_t q = 0; q < 4; ++q) {
    EXPECT_EQ(map.size(static_cast<Part>(q)), seen[q]);
    EXPECT_EQ(map.rank(static_cast<Part>(q), parts.size()), seen[q]);
  }
}

TEST(PartMap, FindsEveryRowBothWays) {
  const std::vector<Part> even = {Part::kNone, Part::kTrain, Part::kValid, Part::kTest};
  const std::vector<Part> rare = {Part::kTrain, Part::kTrain, Part::kTrain, Part::kTrain, Part::kTrain, Part::kTrain, Part::kTrain, Part::kTrain, Part::kTrain, Part::kTest};
  for (const uint64_t rows : {0u, 1u, 31u, 32u, 33u, 511u, 512u, 513u, 4096u, 20'000u}) {
    expect_all(drawn(rows, rows, even));
    expect_all(drawn(rows, rows + 1, rare));
    expect_all(std::vector<Part>(rows, Part::kNone));
    expect_all(std::vector<Part>(rows, Part::kTest));
  }
}

TEST(PartMap, FindsRowsOfAPartThatStandFarApart) {
  std::vector<Part> parts(300'000, Part::kTrain);
  for (uint64_t row = 7; row < parts.size(); row += 9'973) parts[row] = Part::kValid;
  for (uint64_t row = 100'000; row < 200'000; ++row) parts[row] = Part::kTest;
  expect_all(parts);
}

TEST(PartMap, TakesThreeBitsARowAtMost) {
  const PartMap map(drawn(1'000'000, 1, {Part::kTrain, Part::kTrain, Part::kValid, Part::kTest}));
  EXPECT_LT(map.bytes() * 8, 3'000'000u);
}

}  // namespace
}  // namespace cohort::datasets
