#include "datasets/loader/negative_sampler.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/philox.h"
#include "tests/datasets/small_dataset.h"

namespace cohort::datasets {
namespace {

using testing::ElementsAre;
using tests::SmallDataset;

NegativeOptions method(const std::string& name, double alpha = 0.75) {
  NegativeOptions options;
  options.method = name;
  options.alpha = alpha;
  return options;
}

TEST(AliasTable, GivesEachEntryItsShareOfAllNumbers) {
  for (const std::vector<uint64_t>& weights : {std::vector<uint64_t>{1}, {5, 3}, {1, 0, 2, 5}, {7, 7, 7}, {1, 1000, 1, 1, 1}, {0, 0, 3}, {1u << 30, 1, 1u << 29}}) {
    const AliasTable table(weights);
    uint64_t sum = 0;
    for (const uint64_t weight : weights) sum += weight;
    // Evenly spaced numbers: each entry gets as many as its share, but for one at each end of each of its stretches.
    constexpr uint64_t kPoints = 1 << 18;
    std::vector<uint64_t> hits(weights.size(), 0);
    for (uint64_t i = 0; i < kPoints; ++i) ++hits[table(i * (UINT64_MAX / kPoints) + 12345)];
    for (std::size_t k = 0; k < weights.size(); ++k) {
      const double expected = static_cast<double>(weights[k]) / static_cast<double>(sum) * kPoints;
      EXPECT_NEAR(static_cast<double>(hits[k]), expected, 2.0 * static_cast<double>(weights.size())) << k;
      if (weights[k] == 0) {
        EXPECT_EQ(hits[k], 0u);
      }
    }
  }
  EXPECT_THROW(AliasTable(std::vector<uint64_t>{0, 0}), core::Error);
}

/// Draws by many rows, as shares.
std::map<int32_t, double> drawn(const NegativeSampler& sampler, std::span<const int32_t> own = {}, uint64_t rows = 20'000) {
  std::map<int32_t, double> shares;
  std::vector<int32_t> out(5);
  for (uint64_t row = 0; row < rows; ++row) {
    sampler.draw(3, row, 1, own, out);
    for (const int32_t index : out) shares[index] += 1.0 / static_cast<double>(5 * rows);
  }
  return shares;
}

TEST(NegativeSampler, DrawsItemsByTheStatedProbabilities) {
  const std::vector<uint64_t> counts = {50, 70, 100, 1, 0, 16, 81};  // unknown, missing, five items
  for (const auto& options : {method("uniform"), method("popularity", 1), method("popularity", 0.5), method("popularity", 0)}) {
    const NegativeSampler sampler(options, counts, 9);
    const auto shares = drawn(sampler);
    double sum = 0;
    for (int32_t index = 0; index < 7; ++index) {
      const double expected = std::exp(static_cast<double>(sampler.log_q(index)));
      sum += expected;
      const auto found = shares.find(index);
      EXPECT_NEAR(found == shares.end() ? 0 : found->second, expected, 5 * std::sqrt(expected / 100'000) + 1e-9) << index;
    }
    EXPECT_NEAR(sum, 1, 1e-6);
  }
  const NegativeSampler square_root(method("popularity", 0.5), counts, 9);
  EXPECT_NEAR(square_root.log_q(2), std::log(10.0 / 24), 1e-6);
  EXPECT_NEAR(square_root.log_q(6), std::log(9.0 / 24), 1e-6);
  EXPECT_TRUE(std::isinf(square_root.log_q(4)));
  EXPECT_TRUE(std::isinf(square_root.log_q(0)));
}

TEST(NegativeSampler, DependsOnSeedRoundRowAndPositionAlone) {
  const std::vector<uint64_t> counts(1002, 3);
  const NegativeSampler sampler(method("popularity"), counts, 9), other(method("popularity"), counts, 10);
  const auto draw = [](const NegativeSampler& s, uint64_t round, uint64_t row, uint32_t position, std::size_t count) {
    std::vector<int32_t> out(count);
    s.draw(round, row, position, {}, out);
    return out;
  };
  const std::vector<int32_t> one = draw(sampler, 1, 2, 3, 20);
  EXPECT_EQ(draw(sampler, 1, 2, 3, 20), one);
  const std::vector<int32_t> fewer = draw(sampler, 1, 2, 3, 7);
  EXPECT_TRUE(std::equal(fewer.begin(), fewer.end(), one.begin()));
  EXPECT_NE(draw(other, 1, 2, 3, 20), one);
  EXPECT_NE(draw(sampler, 2, 2, 3, 20), one);
  EXPECT_NE(draw(sampler, 1, 3, 3, 20), one);
  EXPECT_NE(draw(sampler, 1, 2, 4, 20), one);
}

TEST(NegativeSampler, LeavesOutTheRowsOwnPositives) {
  const std::vector<uint64_t> counts = {0, 0, 1'000'000, 3, 2, 0, 1};
  const std::vector<int32_t> own = {2, 4};
  const auto shares = drawn(NegativeSampler(method("popularity", 1), counts, 1), own);
  EXPECT_EQ(shares.size(), 2u);
  EXPECT_GT(shares.at(3), 0);
  EXPECT_GT(shares.at(6), 0);
  const std::vector<int32_t> all = {2, 3, 4, 6};
  EXPECT_NEAR(drawn(NegativeSampler(method("popularity", 1), counts, 1), all, 10).at(-1), 1, 1e-9);
  const auto uniform = drawn(NegativeSampler(method("uniform"), counts, 1), own);
  EXPECT_EQ(uniform.size(), 3u);
  EXPECT_NEAR(uniform.at(5), 1.0 / 3, 0.01);
}

TEST(NegativeSampler, InBatchCorrectsByTheShareOfCountsAndMarksHits) {
  const std::vector<uint64_t> counts = {10, 0, 30, 60};
  const NegativeSampler sampler(method("in_batch"), counts, 1);
  std::vector<float> log_q(4);
  sampler.log_q(std::vector<int32_t>{3, 2, 0, 1}, log_q);
  EXPECT_NEAR(log_q[0], std::log(0.6), 1e-6);
  EXPECT_NEAR(log_q[1], std::log(0.3), 1e-6);
  EXPECT_NEAR(log_q[2], std::log(0.1), 1e-6);
  EXPECT_NEAR(log_q[3], std::log(0.01), 1e-6);
  std::vector<int32_t> out(1);
  EXPECT_THROW(sampler.draw(0, 0, 0, {}, out), core::Error);
  std::vector<uint8_t> hits(9);
  mark_in_batch_hits(std::vector<int32_t>{5, 7, 5}, hits);
  EXPECT_THAT(hits, ElementsAre(0, 0, 1, 0, 0, 0, 1, 0, 0));
}

TEST(NegativeSampler, WithoutItemsThereIsNothingToDraw) {
  EXPECT_THROW(NegativeSampler(method("uniform"), std::vector<uint64_t>{5, 5}, 1), core::Error);
  EXPECT_THROW(NegativeSampler(method("popularity"), std::vector<uint64_t>{5, 5, 0}, 1), core::Error);
}

TEST(NegativeSampler, CountsComeFromWhatTrainingSeesAlone) {
  TemporaryFolder folder;
  const Dataset dataset = SmallDataset()
                              .category("c", {"a", "b", "", "a", "z"})
                              .sequence("items", {{0, 1, 2}, {2, 2, 2, 0}, {}, {1, -1, 0}, {0, 0, 0, 0, 0}}, {"p", "q", "r"})
                              .category("part", {"train", "train", "train", "train", "test"})
                              .write(folder / "d", 2);
  SplitOptions options;
  options.method = "column";
  options.column = "part";
  options.valid_value = "";
  options.valid = 0;
  const Split split = Split::make(dataset, options, -1, "", 1);
  CategoricalFeature c;
  c.column = "c";
  c.strings = {"a", "b"};
  EXPECT_THAT(training_counts(dataset, split, c), ElementsAre(0, 1, 2, 1));
  SequenceFeature items;
  items.column = "items";
  items.max_length = 2;
  items.vocabulary.strings = {"q", "r"};
  // One element of each is held out, and of what is left the last two count: p q · r r · — · q, missing.
  EXPECT_THAT(training_counts(dataset, split, items, 1), ElementsAre(1, 1, 2, 2));
}

}  // namespace
}  // namespace cohort::datasets
