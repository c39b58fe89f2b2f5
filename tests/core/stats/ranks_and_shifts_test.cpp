#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/philox.h"
#include "core/stats/multiple_tests.h"
#include "core/stats/population_stability.h"
#include "core/stats/rank_correlation.h"

namespace cohort::core {
namespace {

TEST(PopulationStability, IsTheFormulaOverSharesWithHalfARowAdded) {
  const std::vector<uint64_t> reference{30, 50, 20}, other{10, 20, 30};
  const Stability stability = population_stability(reference, other, 100, 60);
  double expected = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const double a = (static_cast<double>(reference[i]) + 0.5) / 101.5, b = (static_cast<double>(other[i]) + 0.5) / 61.5;
    expected += (b - a) * std::log(b / a);
  }
  EXPECT_DOUBLE_EQ(stability.index, expected);
  EXPECT_EQ(stability.bins, 3);
  // With two degrees of freedom the χ² tail is exp(−x/2).
  EXPECT_NEAR(stability.p_value, std::exp(-0.5 * 100 * 60 / 160.0 * expected), 1e-15);
}

TEST(PopulationStability, LeavesOutBinsThatNeitherSampleFills) {
  const Stability with = population_stability(std::vector<uint64_t>{30, 0, 70}, std::vector<uint64_t>{40, 0, 60}, 100, 100);
  const Stability without = population_stability(std::vector<uint64_t>{30, 70}, std::vector<uint64_t>{40, 60}, 100, 100);
  EXPECT_EQ(with.index, without.index);
  EXPECT_EQ(with.p_value, without.p_value);
  EXPECT_EQ(with.bins, 2);
}

TEST(PopulationStability, OfOneBinSaysNothing) {
  const Stability stability = population_stability(std::vector<uint64_t>{100, 0}, std::vector<uint64_t>{7, 0}, 100, 7);
  EXPECT_EQ(stability.index, 0);
  EXPECT_EQ(stability.p_value, 1);
  EXPECT_THROW(population_stability(std::vector<uint64_t>{1}, std::vector<uint64_t>{1, 2}, 1, 3), Error);
}

TEST(PopulationStability, ItsLimitIsWhereThePValueIsTheLevel) {
  // χ² with 2 degrees of freedom exceeds −2·ln(level) with that probability.
  EXPECT_NEAR(stability_limit(3, 100, 60, 0.01), -2 * std::log(0.01) * (1.0 / 100 + 1.0 / 60), 1e-12);
  EXPECT_EQ(stability_limit(1, 100, 60, 0.01), 0);
}

TEST(PopulationStability, WithoutAShiftRejectsAsOftenAsPromised) {
  // 2,000 pairs of samples of ten equally likely bins: of 5 % and 1 % tests about that many must reject. The bounds are four standard errors.
  int rejected_5 = 0, rejected_1 = 0;
  for (uint32_t trial = 0; trial < 2000; ++trial) {
    const KeyedRandom random(1, "test.stability", trial);
    std::vector<uint64_t> a(10, 0), b(10, 0);
    for (uint64_t i = 0; i < 1000; ++i) ++a[random.below(i, 10)];
    for (uint64_t i = 0; i < 300; ++i) ++b[random.below(1000 + i, 10)];
    const double p = population_stability(a, b, 1000, 300).p_value;
    rejected_5 += p < 0.05 ? 1 : 0;
    rejected_1 += p < 0.01 ? 1 : 0;
  }
  EXPECT_NEAR(rejected_5, 100, 40);
  EXPECT_NEAR(rejected_1, 20, 18);
}

TEST(BenjaminiHochberg, FindsTheLargestPValueUnderTheLine) {
  // The example of the paper, table 1: fifteen tests, four discoveries at a rate of 5 %.
  const std::vector<double> p{0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1};
  const Discoveries found = benjamini_hochberg(p, 0.05);
  EXPECT_EQ(found.count, 4u);
  EXPECT_EQ(found.largest, 0.0095);
  EXPECT_DOUBLE_EQ(found.level, 4 * 0.05 / 15);
}

TEST(BenjaminiHochberg, TakesAllUpToALateOneThatFits) {
  const Discoveries found = benjamini_hochberg(std::vector<double>{0.045, 0.04, 0.048}, 0.05);
  EXPECT_EQ(found.count, 3u);
  EXPECT_EQ(found.largest, 0.048);
}

TEST(BenjaminiHochberg, FindsNothingAmongLargeOnesOrNone) {
  EXPECT_EQ(benjamini_hochberg(std::vector<double>{0.3, 0.9}, 0.05).count, 0u);
  EXPECT_EQ(benjamini_hochberg(std::vector<double>{0.3, 0.9}, 0.05).largest, -1);
  EXPECT_EQ(benjamini_hochberg({}, 0.05).count, 0u);
}

TEST(Spearman, AgreesWithScipy) {
  // scipy.stats.spearmanr([0,1,1,2,3,4], [2,0,1,1,3,3]) = 0.5821543981758688.
  EXPECT_NEAR(spearman(std::vector<int32_t>{0, 1, 1, 2, 3, 4}, 5, std::vector<int32_t>{2, 0, 1, 1, 3, 3}, 4), 0.5821543981758688, 1e-14);
}

TEST(Spearman, IsOneForTheSameOrderAndMinusOneForTheReverse) {
  const std::vector<int32_t> x{0, 3, 1, 2}, y{0, 9, 2, 5}, z{3, 0, 2, 1};
  EXPECT_NEAR(spearman(x, 4, y, 10), 1, 1e-15);
  EXPECT_NEAR(spearman(x, 4, z, 4), -1, 1e-15);
}

TEST(Spearman, LeavesOutRowsThatLackAValue) {
  const std::vector<int32_t> x{0, -1, 1, 2, 2}, y{0, 5, 1, -1, 2};
  EXPECT_NEAR(spearman(x, 3, y, 6), 1, 1e-15);
}

TEST(Spearman, OfAConstantIsUnknown) {
  EXPECT_TRUE(std::isnan(spearman(std::vector<int32_t>{0, 0, 0}, 1, std::vector<int32_t>{0, 1, 2}, 3)));
  EXPECT_TRUE(std::isnan(spearman({}, 0, {}, 0)));
  EXPECT_THROW(spearman(std::vector<int32_t>{0}, 1, {}, 0), Error);
}

}  // namespace
}  // namespace cohort::core
