#include "core/portable_math.h"

#include <cmath>

#include <gtest/gtest.h>

namespace cohort::core {
namespace {

double ulp(double x) { return std::fabs(std::nextafter(x, INFINITY) - x); }

TEST(PortableMath, LogarithmAgreesWithTheLibraryWithinTwoUnitsInTheLastPlace) {
  for (double x = 1e-300; x < 1e300; x *= 1.37) EXPECT_NEAR(portable_log(x), std::log(x), 2 * ulp(std::log(x))) << x;
  EXPECT_EQ(portable_log(1), 0);
}

TEST(PortableMath, ExponentialAgreesWithTheLibraryWithinTwoUnitsInTheLastPlace) {
  for (double x = -707.9; x < 709; x += 0.0437) EXPECT_NEAR(portable_exp(x), std::exp(x), 2 * ulp(std::exp(x))) << x;
  for (double x = 1e-20; x < 1; x *= 1.9) EXPECT_NEAR(portable_exp(-x), std::exp(-x), 2 * ulp(std::exp(-x))) << x;
  EXPECT_EQ(portable_exp(0), 1);
  EXPECT_EQ(portable_exp(-1000), 0);
  EXPECT_EQ(portable_exp(-INFINITY), 0);
  EXPECT_EQ(portable_exp(1000), INFINITY);
  EXPECT_TRUE(std::isnan(portable_exp(NAN)));
}

TEST(PortableMath, LogisticIsSymmetricAndSaturates) {
  for (double x = -30; x <= 30; x += 0.37) {
    EXPECT_NEAR(portable_logistic(x), 1 / (1 + std::exp(-x)), 1e-15) << x;
    EXPECT_NEAR(portable_logistic(x) + portable_logistic(-x), 1, 1e-15) << x;
  }
  EXPECT_EQ(portable_logistic(0), 0.5);
  EXPECT_EQ(portable_logistic(1000), 1);
  EXPECT_EQ(portable_logistic(-1000), 0);
}

TEST(PortableMath, PowerAgreesWithTheLibrary) {
  for (double x = 1e-3; x < 1e7; x *= 2.3)
    for (double y = -3; y <= 3; y += 0.41) EXPECT_NEAR(portable_pow(x, y), std::pow(x, y), 1e-13 * std::pow(x, y)) << x << " ^ " << y;
}

TEST(PortableMath, CosineOfTurnsIsExactAtQuartersAndCloseElsewhere) {
  for (double turns = -3.7; turns < 3.7; turns += 0.00317)
    EXPECT_NEAR(portable_cos_turns(turns), std::cos(2 * 3.14159265358979323846 * turns), 4e-15) << turns;
  EXPECT_EQ(portable_cos_turns(0), 1);
  EXPECT_EQ(portable_cos_turns(0.5), -1);
  EXPECT_EQ(portable_cos_turns(7), 1);
  EXPECT_NEAR(portable_cos_turns(0.25), 0, 3e-16);
}

}  // namespace
}  // namespace cohort::core
