#include "trainer/loss_scaler.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.h"

namespace cohort::trainer {
namespace {

TEST(LossScaler, HalvesAfterAnOverflowAndDoublesAfterManyGoodSteps) {
  LossScaler scaler(true);
  EXPECT_EQ(scaler.scale(), 65536);
  scaler.after_step(false);
  EXPECT_EQ(scaler.scale(), 32768);
  EXPECT_EQ(scaler.state.skipped, 1u);
  for (int i = 0; i < 1999; ++i) scaler.after_step(true);
  EXPECT_EQ(scaler.scale(), 32768);
  scaler.after_step(true);
  EXPECT_EQ(scaler.scale(), 65536);
  for (int i = 0; i < 1999; ++i) scaler.after_step(true);
  scaler.after_step(false);
  for (int i = 0; i < 1999; ++i) scaler.after_step(true);
  EXPECT_EQ(scaler.scale(), 32768) << "an overflow begins the count anew";
}

TEST(LossScaler, GivesUpWhereNoScaleIsLeft) {
  LossScaler scaler(true);
  for (int i = 0; i < 32; ++i) scaler.after_step(false);
  EXPECT_EQ(scaler.scale(), 1.0f / 65536);
  EXPECT_THROW(scaler.after_step(false), core::Error);
}

TEST(LossScaler, OneThatIsOffChangesNothing) {
  LossScaler scaler(false);
  for (int i = 0; i < 5000; ++i) scaler.after_step(i % 2 == 0);
  EXPECT_FALSE(scaler.scale().has_value());
  EXPECT_EQ(scaler.state.skipped, 0u);
}

TEST(LossScaler, ChecksWhatItScales) {
  for (const float bad : {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    for (std::size_t place = 0; place < 37; ++place) {
      std::vector<float> values(37, 3.0f);
      EXPECT_TRUE(scale_and_check(values.data(), 37, 0.5f, values.data()));
      EXPECT_EQ(values, std::vector<float>(37, 1.5f));
      EXPECT_TRUE(all_finite(values.data(), 37));
      values[place] = bad;
      EXPECT_FALSE(scale_and_check(values.data(), 37, 0.5f, values.data())) << place;
      EXPECT_FALSE(all_finite(values.data(), 37)) << place;
      std::vector<float> sums(37, 1.0f);
      EXPECT_FALSE(take_and_check(values.data(), 37, /*add=*/true, sums.data())) << place;
      EXPECT_EQ(sums[(place + 1) % 37], 1.75f);
      EXPECT_FALSE(take_and_check(values.data(), 37, /*add=*/false, sums.data())) << place;
      EXPECT_EQ(sums[(place + 1) % 37], 0.75f);
    }
  }
}

}  // namespace
}  // namespace cohort::trainer
