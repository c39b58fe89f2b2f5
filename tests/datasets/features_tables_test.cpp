// Tables from values alone.
#include "datasets/features/features_tables.h"

#include <algorithm>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/normal_quantile.h"
#include "core/philox.h"

namespace cohort::datasets {
namespace {

using testing::Each;
using testing::ElementsAre;

TEST(Moments, OfBlocksMergedAreThoseOfAll) {
  const core::KeyedRandom random(1, "test");
  std::vector<float> values(10000);
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(1e6 + random.normal(i));
    sum += values[i];
  }
  for (const float value : values) squares += (value - sum / 10000) * (value - sum / 10000);
  Moments moments;
  for (std::size_t first = 0; first < values.size(); first += 777) {
    moments.merge(Moments::of(std::span(values).subspan(first, std::min<std::size_t>(777, values.size() - first))));
  }
  EXPECT_EQ(moments.count, 10000u);
  EXPECT_NEAR(moments.mean, sum / 10000, 1e-8);
  EXPECT_NEAR(moments.deviation(), std::sqrt(squares / 10000), 1e-9);
}

TEST(Moments, OfAConstantAreExactSoThatItsScaleIsOne) {
  const std::vector<float> values(100000, 0.1f);
  Moments moments;
  for (std::size_t first = 0; first < values.size(); first += 65536) {
    moments.merge(Moments::of(std::span(values).subspan(first, std::min<std::size_t>(65536, values.size() - first))));
  }
  const Standardise step = make_standardise(moments);
  EXPECT_EQ(step.mean, 0.1f);
  EXPECT_EQ(step.scale, 1.0f);
}

TEST(Quantiles, AreInterpolated) {
  const std::vector<float> values{1, 2, 4, 8};
  EXPECT_EQ(quantile_of(values, 0), 1);
  EXPECT_EQ(quantile_of(values, 0.5), 3);
  EXPECT_EQ(quantile_of(values, 1), 8);
  EXPECT_EQ(median_of(values), 3);
  EXPECT_EQ(median_of(std::vector<float>{7}), 7);
}

TEST(QuantileNormalTable, FollowsTheNormalCurveWithinAThousandth) {
  // Of evenly spread values, x itself is the share p.
  std::vector<float> values(30001);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) / 30000;
  const QuantileNormal step = make_quantile_normal(values, values.size(), 1000);
  EXPECT_TRUE(std::is_sorted(step.quantiles.begin(), step.quantiles.end()));
  EXPECT_EQ(std::adjacent_find(step.quantiles.begin(), step.quantiles.end()), step.quantiles.end());
  EXPECT_NEAR(step.normals.front(), -5.1993, 1e-4);
  EXPECT_NEAR(step.normals.back(), 5.1993, 1e-4);
  std::vector<float> x;
  for (double p = 1e-6; p < 0.01; p *= 1.01) x.push_back(static_cast<float>(p));
  for (double p = 0.01; p <= 0.99; p += 0.0007) x.push_back(static_cast<float>(p));
  for (double q = 0.01; q > 1e-5; q /= 1.01) x.push_back(static_cast<float>(1 - q));
  std::vector<float> y = x;
  apply_step(step, y);
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(y[i], core::normal_quantile(static_cast<double>(x[i])), 1e-3) << x[i];
}

TEST(QuantileNormalTable, PutsTiedValuesAtTheirMiddleShare) {
  // 60 % zeros, 40 % ones.
  std::vector<float> values(1000, 0);
  std::fill(values.begin() + 600, values.end(), 1.0f);
  const QuantileNormal step = make_quantile_normal(values, 300000, 1000);
  std::vector<float> y{0, 1};
  apply_step(step, y);
  EXPECT_NEAR(y[0], core::normal_quantile(0.3), 2e-3);
  EXPECT_NEAR(y[1], core::normal_quantile(0.8), 2e-3);
}

TEST(QuantileNormalTable, OfAConstantGivesZero) {
  for (const float constant : {0.0f, 7.5f, -1e38f, 1e38f}) {
    const QuantileNormal step = make_quantile_normal(std::vector<float>(50, constant), 50, 1000);
    std::vector<float> y{constant, constant + 1, constant - 1, 1e38f, -1e38f};
    apply_step(step, y);
    EXPECT_THAT(y, Each(0.0f));
  }
}

TEST(QuantileNormalTable, HasAQuantileForEachThirtyRowsAtMostAndTenAtLeast) {
  std::vector<float> values(3000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  auto on_grid = [&](const QuantileNormal& step, int count) {
    int found = 0;
    for (int i = 0; i < count; ++i) {
      const auto quantile = static_cast<float>(2999.0 * i / (count - 1));
      found += std::binary_search(step.quantiles.begin(), step.quantiles.end(), quantile) ? 1 : 0;
    }
    return found;
  };
  EXPECT_EQ(on_grid(make_quantile_normal(values, 3000, 1000), 100), 100);
  EXPECT_EQ(on_grid(make_quantile_normal(values, 3000, 50), 50), 50);
  EXPECT_EQ(on_grid(make_quantile_normal(values, 30, 1000), 10), 10);
}

TEST(PiecewiseLinearTable, HasDistinctEdges) {
  std::vector<float> values(1000, 0);
  for (std::size_t i = 500; i < 1000; ++i) values[i] = static_cast<float>(i - 499);
  const PiecewiseLinear step = make_piecewise_linear(values, 4);
  EXPECT_EQ(step.edges.size(), 4u);  // quantiles 0, 0 and 0.5, about 250, 500
  EXPECT_TRUE(std::is_sorted(step.edges.begin(), step.edges.end()));
  EXPECT_EQ(step.edges.front(), 0);
  EXPECT_EQ(step.edges.back(), 500);
  EXPECT_EQ(step.inverse_widths.size(), 3u);
}

TEST(PiecewiseLinearTable, OfAConstantIsOneBinThatGivesZero) {
  for (const float constant : {0.0f, -3.0f, 1e38f, -1e38f}) {
    const PiecewiseLinear step = make_piecewise_linear(std::vector<float>(5, constant), 32);
    ASSERT_EQ(step.edges.size(), 2u);
    EXPECT_EQ(step.edges[0], constant);
    EXPECT_TRUE(std::isfinite(step.inverse_widths[0]) && step.inverse_widths[0] > 0);
  }
}

TEST(KeptCodes, AreTheFrequentOnesInOrderOfValue) {
  const std::vector<int64_t> counts{5, 0, 2, 9, 2, 1};
  EXPECT_THAT(kept_codes(counts, 1, 0), ElementsAre(0, 2, 3, 4, 5));
  EXPECT_THAT(kept_codes(counts, 2, 0), ElementsAre(0, 2, 3, 4));
  EXPECT_THAT(kept_codes(counts, 1, 3), ElementsAre(0, 2, 3));
  EXPECT_THAT(kept_codes(counts, 10, 3), ElementsAre());
}

}  // namespace
}  // namespace cohort::datasets
