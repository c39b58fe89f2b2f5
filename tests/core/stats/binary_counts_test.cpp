#include "core/stats/binary_counts.h"

#include <cmath>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "core/philox.h"

namespace cohort::core {
namespace {

struct Row {
  double score;
  bool positive;
};

std::vector<TieGroup> groups_of(const std::vector<Row>& rows) {
  std::map<double, TieGroup> by_score;
  for (const Row& row : rows) ++(row.positive ? by_score[row.score].positives : by_score[row.score].negatives);
  std::vector<TieGroup> groups;
  for (const auto& [score, group] : by_score) groups.push_back(group);
  return groups;
}

std::vector<Row> random_rows(uint64_t seed, int n, int levels) {
  const KeyedRandom random(seed, "binary counts");
  std::vector<Row> rows;
  for (int i = 0; i < n; ++i) {
    const auto k = static_cast<uint64_t>(2 * i);
    const auto level = static_cast<double>(random.below(k, static_cast<uint64_t>(levels)));
    rows.push_back({level, random.uniform(k + 1) < (level + 1) / (levels + 2)});
  }
  return rows;
}

// roc_auc_score, roc_curve and average_precision_score of scikit-learn for
// y = 0 0 1 1 0 1 0 1 1 0 0 1 and scores .1 .4 .35 .8 .4 .4 .2 .9 .1 .7 .7 .7
const std::vector<TieGroup> kKnown = {{1, 1}, {0, 1}, {1, 0}, {1, 2}, {1, 2}, {1, 0}, {1, 0}};

TEST(BinaryCounts, AgreeWithScikitLearn) {
  EXPECT_EQ(auc(kKnown), 0.625);
  EXPECT_EQ(gini(kKnown), 0.25);
  EXPECT_EQ(ks(kKnown), 1.0 / 3);
  EXPECT_DOUBLE_EQ(average_precision(kKnown), 0.6925925925925925);
}

TEST(BinaryCounts, AgreeWithCountingAllPairsAndThresholds) {
  for (const int levels : {1, 2, 7, 1000}) {
    const auto rows = random_rows(static_cast<uint64_t>(levels), 200, levels);
    double concordant = 0, pairs = 0, largest = 0;
    for (const Row& a : rows)
      for (const Row& b : rows)
        if (a.positive && !b.positive) {
          concordant += a.score > b.score ? 1 : a.score == b.score ? 0.5 : 0;
          ++pairs;
        }
    for (const Row& threshold : rows) {
      double tp = 0, fp = 0, p = 0, n = 0;
      for (const Row& row : rows) {
        (row.positive ? p : n) += 1;
        if (row.score >= threshold.score) (row.positive ? tp : fp) += 1;
      }
      largest = std::max(largest, (tp * n - fp * p) / (p * n));
    }
    const auto groups = groups_of(rows);
    EXPECT_EQ(auc(groups), concordant / pairs) << levels;
    EXPECT_EQ(gini(groups), (2 * concordant - pairs) / pairs) << levels;
    EXPECT_EQ(ks(groups), largest) << levels;
  }
}

TEST(BinaryCounts, PerfectAndReversedRankingsAreTheEndsOfTheScale) {
  const std::vector<TieGroup> perfect = {{0, 3}, {2, 0}}, reversed = {{2, 0}, {0, 3}}, tied = {{2, 3}};
  EXPECT_EQ(auc(perfect), 1);
  EXPECT_EQ(ks(perfect), 1);
  EXPECT_EQ(average_precision(perfect), 1);
  EXPECT_EQ(auc(reversed), 0);
  EXPECT_EQ(gini(reversed), -1);
  EXPECT_EQ(ks(reversed), 0);
  EXPECT_EQ(auc(tied), 0.5);
  EXPECT_EQ(ks(tied), 0);
  EXPECT_EQ(average_precision(tied), 0.4);
}

TEST(BinaryCounts, OfOneClassAreNotANumber) {
  const std::vector<TieGroup> positives = {{2, 0}, {1, 0}}, negatives = {{0, 2}}, none;
  for (const auto& groups : {positives, negatives, none}) {
    EXPECT_TRUE(std::isnan(auc(groups)));
    EXPECT_TRUE(std::isnan(gini(groups)));
    EXPECT_TRUE(std::isnan(ks(groups)));
  }
  EXPECT_TRUE(std::isnan(average_precision(negatives)));
  EXPECT_EQ(average_precision(positives), 1);
}

TEST(BinaryCounts, DoNotOverflowWithBillionsOfRows) {
  const int64_t billion = 4'000'000'000;
  const std::vector<TieGroup> groups = {{0, billion}, {billion, billion}, {billion, 0}};
  EXPECT_EQ(auc(groups), 0.875);
  EXPECT_EQ(ks(groups), 0.5);
}

}  // namespace
}  // namespace cohort::core
