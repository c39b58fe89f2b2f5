// Lower precision reaches the paths that float32 has of its own.
#include "models/autocast.h"

#include <gtest/gtest.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/relu.h>

#include "core/philox.h"
#include "models/nets/interaction.h"
#include "models/nets/linear.h"
#include "models/random.h"

namespace cohort::models {
namespace {

at::Tensor numbers(int64_t rows, int64_t columns, uint32_t what) {
  std::vector<float> values(static_cast<std::size_t>(rows * columns));
  const core::KeyedRandom random(7, "numbers", what, 0);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(random.normal(i));
  return at::from_blob(values.data(), {rows, columns}, at::kFloat).clone();
}

TEST(Autocast, LinearLayersReadAndGiveRoundedNumbers) {
  const at::Tensor x = numbers(6, 24, 0), weight = numbers(16, 24, 1), bias = numbers(1, 16, 2).view({16});
  for (const auto& [precision, type] : {std::pair{Precision::kBFloat16, at::kBFloat16}, {Precision::kFloat16, at::kHalf}}) {
    at::Tensor y;
    {
      const Autocast lower(precision);
      EXPECT_TRUE(autocast_is_on());
      y = linear(x, weight, bias, true);
    }
    EXPECT_EQ(y.scalar_type(), type);
    EXPECT_TRUE(at::equal(y, at::relu(at::linear(x.to(type), weight.to(type), bias.to(type)))));
    EXPECT_FALSE(autocast_is_on());
  }
  const Autocast none(Precision::kFloat32);
  EXPECT_FALSE(autocast_is_on());
  EXPECT_EQ(linear(x, weight, bias, true).scalar_type(), at::kFloat);
}

TEST(Autocast, TheInteractionReadsRoundedNumbersAndGradientsStayFloat32) {
  std::vector<at::Tensor> vectors;
  for (uint32_t i = 0; i < 4; ++i) vectors.push_back(numbers(5, 8, 10 + i).requires_grad_(true));
  at::Tensor out;
  {
    const Autocast lower(Precision::kBFloat16);
    out = interaction(vectors, false);
  }
  EXPECT_EQ(out.scalar_type(), at::kBFloat16);
  out.to(at::kFloat).sum().backward();
  for (const at::Tensor& vector : vectors) EXPECT_EQ(vector.grad().scalar_type(), at::kFloat);
}

TEST(Autocast, DropoutKeepsTheSameEntriesInEveryType) {
  const at::Tensor x = at::relu(numbers(40, 30, 3)) + 1;
  Random exact(1, 2, 3, true), rounded(1, 2, 3, true);
  const at::Tensor a = exact.dropout(x, 0.5), b = rounded.dropout(x.to(at::kBFloat16), 0.5);
  EXPECT_EQ(b.scalar_type(), at::kBFloat16);
  EXPECT_TRUE(at::equal(a != 0, b != 0));
}

}  // namespace
}  // namespace cohort::models
