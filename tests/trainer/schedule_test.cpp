#include "trainer/schedule.h"

#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

namespace cohort::trainer {
namespace {

Schedule schedule(const std::string& name, double warmup_epochs = 0, double final_factor = 0.1) {
  ScheduleOptions options;
  options.name = name;
  options.warmup_epochs = warmup_epochs;
  options.final_factor = final_factor;
  options.power = 2;
  return Schedule(options, 10, 100);
}

TEST(Schedules, AllBeginWithTheWarmUp) {
  for (const char* name : {"constant", "cosine", "inverse_sqrt", "one_cycle", "plateau", "polynomial", "step"}) {
    const Schedule s = schedule(name, 2);
    for (uint64_t step = 0; step < 20; ++step) EXPECT_DOUBLE_EQ(s.factor(step), static_cast<double>(step + 1) / 20) << name;
  }
}

TEST(Schedules, HaveTheirShapesAfterIt) {
  const Schedule cosine = schedule("cosine", 2), polynomial = schedule("polynomial", 2), root = schedule("inverse_sqrt", 2), cycle = schedule("one_cycle");
  for (uint64_t step = 20; step < 100; ++step) {
    const double x = static_cast<double>(step - 20) / 80;
    EXPECT_DOUBLE_EQ(cosine.factor(step), 0.1 + 0.9 * 0.5 * (1 + std::cos(std::numbers::pi * x)));
    EXPECT_DOUBLE_EQ(polynomial.factor(step), 0.1 + 0.9 * (1 - x) * (1 - x));
    EXPECT_DOUBLE_EQ(root.factor(step), std::sqrt(20.0 / static_cast<double>(step + 1)));
  }
  EXPECT_DOUBLE_EQ(schedule("constant").factor(99), 1);
  EXPECT_DOUBLE_EQ(schedule("inverse_sqrt").factor(99), 0.1);
  // Smith & Topin 2018: up to the highest rate, then down to the last.
  EXPECT_NEAR(cycle.factor(0), 0.04, 1e-15);
  EXPECT_DOUBLE_EQ(cycle.factor(15), (0.04 + 1) / 2);
  EXPECT_DOUBLE_EQ(cycle.factor(30), 1);
  EXPECT_DOUBLE_EQ(cycle.factor(65), (1 + 0.1) / 2);
  EXPECT_NEAR(cycle.factor(99), 0.1, 1e-3);
  for (uint64_t step = 1; step < 100; ++step) EXPECT_EQ(cycle.factor(step) > cycle.factor(step - 1), step <= 30) << step;
}

}  // namespace
}  // namespace cohort::trainer
