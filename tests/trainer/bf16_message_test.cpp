#include "trainer/bf16_message.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace cohort::trainer {
namespace {

std::vector<float> sent(const std::vector<float>& values, std::vector<float>& errors) {
  std::vector<uint16_t> message(values.size());
  round_with_feedback(values.data(), errors.data(), static_cast<int64_t>(values.size()), message.data());
  std::vector<float> back(values.size());
  expand_bf16(message.data(), static_cast<int64_t>(message.size()), back.data());
  return back;
}

TEST(Bf16Message, RoundsToNearestAndTiesToEven) {
  // Beside 1, bfloat16 has steps of 2⁻⁷.
  const float step = 0x1p-7f;
  std::vector<float> errors(7);
  EXPECT_EQ(sent({1, 1 + step / 2, 1 + step * 1.5f, 1 + step * 0.49f, 1 + step * 0.51f, -1 - step * 0.51f, 0}, errors),
            (std::vector<float>{1, 1, 1 + 2 * step, 1, 1 + step, -1 - step, 0}));
  EXPECT_EQ(errors, (std::vector<float>{0, step / 2, -step / 2, (1 + step * 0.49f) - 1, (1 + step * 0.51f) - (1 + step), (-1 - step * 0.51f) + 1 + step, 0}));
}

TEST(Bf16Message, WhatIsLeftOutIsSentLater) {
  std::vector<float> errors(1);
  double total = 0;
  for (int i = 0; i < 1000; ++i) total += static_cast<double>(sent({1 + 0x1p-10f}, errors)[0]);
  EXPECT_EQ(total + static_cast<double>(errors[0]), 1000 * (1 + 0x1p-10)) << "all messages and the last error are the sum, exactly";
}

TEST(Bf16Message, NumbersThatAreNotFiniteStaySoAndLeaveNoError) {
  const float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> errors(4, 0.5f);
  const std::vector<float> back = sent({infinity, -infinity, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::max()}, errors);
  EXPECT_EQ(back[0], infinity);
  EXPECT_EQ(back[1], -infinity);
  EXPECT_TRUE(std::isnan(back[2]));
  EXPECT_EQ(back[3], infinity);
  EXPECT_EQ(errors, std::vector<float>(4, 0.0f));
}

}  // namespace
}  // namespace cohort::trainer
