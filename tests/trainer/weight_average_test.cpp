#include "trainer/weight_average.h"

#include <gtest/gtest.h>

#include <ATen/ops/full.h>

namespace cohort::trainer {
namespace {

/// Weights that count steps, of two parts that go in opposite directions.
struct Averaged {
  Averaged(AveragingOptions options, uint64_t steps, std::vector<double>* path = nullptr)
      : weights{at::full({3}, 0.0), at::full({2}, 0.0)}, average(options, 5, weights) {
    for (uint64_t step = 1; step <= steps; ++step) {
      weights[0].fill_(static_cast<double>(step));
      weights[1].fill_(-static_cast<double>(step));
      average.after_step(step);
      if (path != nullptr && average.any()) path->push_back(average.parts()[0].data_ptr<float>()[0]);
    }
  }
  std::vector<at::Tensor> weights;
  WeightAverage average;
};

TEST(WeightAverageOf, NothingIsNothing) {
  Averaged nothing({}, 20);
  EXPECT_FALSE(nothing.average.any());
  EXPECT_TRUE(nothing.average.parts().empty());
}

TEST(WeightAverageOf, SwaIsTheMeanOfTheEndsOfEpochs) {
  Averaged swa({.name = "swa", .from_epoch = 2}, 20);  // steps 10, 15 and 20
  EXPECT_EQ(swa.average.taken(), 3u);
  swa.average.swap();
  EXPECT_EQ(swa.weights[0].data_ptr<float>()[2], 15.0f);
  EXPECT_EQ(swa.weights[1].data_ptr<float>()[1], -15.0f);
  swa.average.swap();
  EXPECT_EQ(swa.weights[0].data_ptr<float>()[0], 20.0f);
  EXPECT_EQ(swa.weights[1].data_ptr<float>()[0], -20.0f);
}

TEST(WeightAverageOf, EmaForgetsTheFirstWeightsSooner) {
  std::vector<double> path;
  Averaged({.name = "ema", .decay = 0.5, .from_epoch = 1}, 30, &path);
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
