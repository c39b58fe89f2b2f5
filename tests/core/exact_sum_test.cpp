#include "core/exact_sum.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "core/philox.h"

namespace cohort::core {
namespace {

double sum_of(const std::vector<double>& numbers) {
  ExactSum sum;
  for (const double x : numbers) sum.add(x);
  return sum.value();
}

TEST(ExactSum, LosesNothingThatRoundingWouldLose) {
  EXPECT_EQ(sum_of({}), 0);
  EXPECT_EQ(sum_of({1e300, 1, -1e300}), 1);
  EXPECT_EQ(sum_of({1e-300, 1e300, -1e300, -1e-300}), 0);
  EXPECT_EQ(sum_of({-3, 1}), -2);
  EXPECT_EQ(sum_of({5e-324, 5e-324}), 1e-323);
  EXPECT_EQ(sum_of({1.7e308, 1.7e308, -1.7e308}), 1.7e308);
  EXPECT_TRUE(std::isnan(sum_of({1, std::numeric_limits<double>::infinity()})));
  EXPECT_TRUE(std::isnan(sum_of({std::numeric_limits<double>::quiet_NaN()})));
}

TEST(ExactSum, DoesNotDependOnOrderOrParts) {
  const KeyedRandom random(1, "exact", 0, 0);
  std::vector<double> numbers;
  for (uint64_t i = 0; i < 3000; ++i) numbers.push_back(std::ldexp(random.normal(i), static_cast<int>(random.u64(i + 10000) % 200) - 100));
  const double whole = sum_of(numbers);
  std::sort(numbers.begin(), numbers.end());
  EXPECT_EQ(sum_of(numbers), whole);
  ExactSum parts[3];
  for (std::size_t i = 0; i < numbers.size(); ++i) parts[i * i % 3].add(numbers[i]);
  ExactSum merged;
  for (ExactSum& part : parts) {
    for (std::size_t w = 0; w < ExactSum::kWords; ++w) merged.words()[w] += part.words()[w];
  }
  EXPECT_EQ(merged.value(), whole);
}

}  // namespace
}  // namespace cohort::core
