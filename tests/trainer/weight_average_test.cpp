#include "trainer/weight_average.h"

#include <gtest/gtest.h>

#include <ATen/ops/full.h>

namespace cohort::trainer {
namespace {

WeightAverage averaged(AveragingOptions options, uint64_t steps, std::vector<double>* path = nullptr) {
  WeightAverage average(options, 5, 3, 2);
  at::Tensor values = at::full({3}, 0.0), state = at::full({2}, 0.0);
  for (uint64_t step = 1; step <= steps; ++step) {
    values.fill_(static_cast<double>(step));
    state.fill_(-static_cast<double>(step));
    average.after_step(values, state, step);
    if (path != nullptr && average.any()) path->push_back(average.tensors()[0].second.data_ptr<float>()[0]);
  }
  return average;
}

TEST(WeightAverageOf, NothingIsNothing) {
  const WeightAverage average = averaged({}, 20);
  EXPECT_FALSE(average.any());
  EXPECT_TRUE(average.tensors().empty());
}

TEST(WeightAverageOf, SwaIsTheMeanOfTheEndsOfEpochs) {
  WeightAverage average = averaged({.name = "swa", .from_epoch = 2}, 20);  // steps 10, 15 and 20
  EXPECT_EQ(average.taken(), 3u);
  at::Tensor values = at::full({3}, 7.0), state = at::full({2}, 8.0);
  average.swap(values, state);
  EXPECT_EQ(values.data_ptr<float>()[2], 15.0f);
  EXPECT_EQ(state.data_ptr<float>()[1], -15.0f);
  average.swap(values, state);
  EXPECT_EQ(values.data_ptr<float>()[0], 7.0f);
  EXPECT_EQ(state.data_ptr<float>()[0], 8.0f);
}

TEST(WeightAverageOf, EmaForgetsTheFirstWeightsSooner) {
  std::vector<double> path;
  averaged({.name = "ema", .decay = 0.5, .from_epoch = 1}, 30, &path);
  double expected = 1;
  for (std::size_t i = 1; i < path.size(); ++i) {
    const auto n = static_cast<double>(i);
    const double decay = std::min(0.5, (1 + n) / (10 + n));
    expected = decay * expected + (1 - decay) * static_cast<double>(i + 1);
    EXPECT_NEAR(path[i], expected, 1e-5);
  }
  EXPECT_EQ(path.size(), 30u);
}

}  // namespace
}  // namespace cohort::trainer
