#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/stats/calibration.h"
#include "core/stats/interval.h"
#include "core/stats/quantile.h"

namespace cohort::core {
namespace {

TEST(Quantile, AgreesWithNumpy) {
  const std::vector<double> values = {-3.5, 0, 1, 1, 2.25, 7, 100};
  EXPECT_EQ(quantile(values, 0), -3.5);
  EXPECT_DOUBLE_EQ(quantile(values, 0.1), -1.3999999999999997);
  EXPECT_EQ(quantile(values, 0.25), 0.5);
  EXPECT_EQ(quantile(values, 0.5), 1);
  EXPECT_DOUBLE_EQ(quantile(values, 0.77), 5.195);
  EXPECT_DOUBLE_EQ(quantile(values, 0.9), 44.20000000000003);
  EXPECT_EQ(quantile(values, 1), 100);
  EXPECT_EQ(quantile(std::vector<float>{1, 2}, 0.5), 1.5);
}

TEST(Quantile, HasAnAnswerForNoneOneAndInfiniteValues) {
  EXPECT_TRUE(std::isnan(quantile(std::vector<double>{}, 0.5)));
  EXPECT_EQ(quantile(std::vector<double>{4}, 0.3), 4);
  const std::vector<double> values = {-INFINITY, -INFINITY, 1, INFINITY};
  EXPECT_EQ(quantile(values, 0.1), -INFINITY);
  EXPECT_EQ(quantile(values, 2.0 / 3), 1);
}

TEST(Calibration, BinsAreOfEqualWidthAndClosedAtTheTop) {
  EXPECT_EQ(calibration_bin(0, 15), 0u);
  EXPECT_EQ(calibration_bin(0.0666, 15), 0u);
  EXPECT_EQ(calibration_bin(0.0667, 15), 1u);
  EXPECT_EQ(calibration_bin(0.999, 15), 14u);
  EXPECT_EQ(calibration_bin(1, 15), 14u);
  EXPECT_EQ(calibration_bin(-1, 15), 0u);
  EXPECT_EQ(calibration_bin(7, 15), 14u);
  EXPECT_EQ(calibration_bin(NAN, 15), 0u);
}

TEST(Calibration, ErrorIsTheWeightedGapOfTheMeans) {
  // Bin 1: 4 rows, mean label 0.25, mean prediction 0.125; bin 2: 1 row, 1 and 0.75: 4/5·0.125 + 1/5·0.25.
  const std::vector<CalibrationBin> bins = {{4, 1, 0.5}, {0, 0, 0}, {1, 1, 0.75}};
  EXPECT_DOUBLE_EQ(expected_calibration_error(bins), 0.15);
  EXPECT_TRUE(std::isnan(expected_calibration_error({})));
}

TEST(Interval, OfPairedDifferencesAgreesWithScipy) {
  const std::vector<double> a = {0.7841, 0.7712, 0.7902, 0.7688, 0.7756}, b = {0.7815, 0.7701, 0.7850, 0.7690, 0.7733};
  const Interval interval = paired_interval(a, b);
  EXPECT_NEAR(interval.mean, 0.0022, 1e-15);
  EXPECT_NEAR(interval.standard_deviation, 0.002008730942660057, 1e-15);
  EXPECT_NEAR(interval.low, -0.0002941688935789006, 1e-12);
  EXPECT_NEAR(interval.high, 0.004694168893578904, 1e-12);
  EXPECT_NEAR(interval.p_value, 0.07052240666175708, 1e-12);
  const Interval narrower = paired_interval(a, b, 0.9);
  EXPECT_NEAR(narrower.low, 0.0002848942662767753, 1e-12);
  EXPECT_NEAR(narrower.high, 0.004115105733723227, 1e-12);
}

TEST(Interval, HasAnAnswerForFewOrEqualValues) {
  EXPECT_TRUE(std::isnan(mean_interval({}).mean));
  const std::vector<double> one = {3}, equal = {2, 2, 2}, zeros = {0, 0};
  EXPECT_EQ(mean_interval(one).mean, 3);
  EXPECT_EQ(mean_interval(one).high, INFINITY);
  EXPECT_TRUE(std::isnan(mean_interval(one).p_value));
  EXPECT_EQ(mean_interval(equal).low, 2);
  EXPECT_EQ(mean_interval(equal).p_value, 0);
  EXPECT_EQ(mean_interval(zeros).p_value, 1);
}

TEST(Interval, RefusesUnequalLengths) {
  const std::vector<double> a = {1, 2}, b = {1};
  try {
    paired_interval(a, b);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit(), Exit::kUsage);
  }
}

}  // namespace
}  // namespace cohort::core
