// Linear layers through oneDNN against libtorch's.
#include <cstring>
#include <functional>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/linspace.h>
#include <gmock/gmock.h>
#include <torch/csrc/autograd/autograd.h>

#include "models/nets/linear.h"

namespace cohort::models {
namespace {

using at::Tensor;

Tensor sines(std::vector<int64_t> shape, double from) {
  int64_t count = 1;
  for (const int64_t n : shape) count *= n;
  return at::linspace(from, from + 0.7 * static_cast<double>(count), count).sin().reshape(shape).contiguous();
}

/// The same numbers `floats` further in memory than an allocation begins.
Tensor shifted(const Tensor& tensor, int64_t floats) {
  Tensor moved = at::empty({tensor.numel() + floats}).narrow(0, floats, tensor.numel()).view(tensor.sizes());
  return moved.copy_(tensor);
}

struct Layer {
  Tensor x, weight, bias, given;
  Layer(int64_t rows, int64_t in, int64_t out)
      : x(sines({rows, in}, 1)), weight(sines({out, in}, 2) * 0.1), bias(sines({out}, 3)), given(sines({rows, out}, 4)) {}

  Layer moved(int64_t floats) const {
    Layer other = *this;
    for (Tensor* tensor : {&other.x, &other.weight, &other.bias, &other.given}) *tensor = shifted(*tensor, floats++);
    return other;
  }

  /// y, then the gradients of x, weight and bias.
  std::vector<Tensor> run(const std::function<Tensor(const Tensor&, const Tensor&, const Tensor&)>& forward) const {
    const std::vector<Tensor> inputs = {x.detach().requires_grad_(true), weight.detach().requires_grad_(true), bias.detach().requires_grad_(true)};
    std::vector<Tensor> results = {forward(inputs[0], inputs[1], inputs[2])};
    for (const Tensor& gradient : torch::autograd::grad({results[0]}, inputs, {given.to(results[0].scalar_type())})) results.push_back(gradient);
    return results;
  }
};

const std::vector<std::vector<int64_t>> kSizes = {{512, 367, 512}, {64, 512, 256}, {33, 13, 512}, {7, 256, 16}, {1, 5, 8}, {50, 256, 1}, {3, 1, 9}};

TEST(Linear, AgreesWithLibtorchInValuesAndGradients) {
  for (const auto& size : kSizes)
    for (const bool relu : {true, false}) {
      const Layer layer(size[0], size[1], size[2]);
      const auto mine = layer.run([&](const Tensor& x, const Tensor& w, const Tensor& b) { return linear(x, w, b, relu); });
      Layer precise = layer;
      for (Tensor* tensor : {&precise.x, &precise.weight, &precise.bias}) *tensor = tensor->to(at::kDouble);
      const auto expected = precise.run([&](const Tensor& x, const Tensor& w, const Tensor& b) {
        const Tensor y = at::linear(x, w, b);
        return relu ? y.relu() : y;
      });
      for (std::size_t i = 0; i < mine.size(); ++i) {
        ASSERT_EQ(mine[i].scalar_type(), at::kFloat);
        ASSERT_EQ(mine[i].sizes(), expected[i].sizes());
        EXPECT_TRUE(mine[i].to(at::kDouble).allclose(expected[i], 1e-4, 2e-4)) << size[0] << " × " << size[1] << " → " << size[2] << ", result " << i;
      }
    }
}

TEST(Linear, GivesTheSameBitsWhereverItsNumbersLie) {
  for (const auto& size : kSizes) {
    const Layer layer(size[0], size[1], size[2]);
    if (size[2] < 8) continue;  // libtorch's own, which MKL_CBWR makes so in a run
    const auto forward = [](const Tensor& x, const Tensor& w, const Tensor& b) { return linear(x, w, b, true); };
    const auto once = layer.run(forward);
    for (const int64_t floats : {1, 2, 5, 8, 11}) {
      const auto again = layer.moved(floats).run(forward);
      for (std::size_t i = 0; i < once.size(); ++i)
        EXPECT_EQ(std::memcmp(once[i].contiguous().data_ptr(), again[i].contiguous().data_ptr(), once[i].nbytes()), 0) << "result " << i;
    }
  }
}

TEST(Linear, ComputesNoGradientThatNobodyAsksFor) {
  const Layer layer(20, 13, 32);
  const Tensor weight = layer.weight.detach().requires_grad_(true);
  const Tensor y = linear(layer.x, weight, layer.bias, true);
  EXPECT_TRUE(y.requires_grad());
  EXPECT_TRUE(torch::autograd::grad({y.sum()}, {weight})[0].defined());
  EXPECT_FALSE(linear(layer.x, layer.weight, layer.bias, true).requires_grad());
}

TEST(Linear, TakesOtherTypesStridesAndNoRows) {
  const Layer layer(6, 10, 12);
  EXPECT_EQ(linear(layer.x.to(at::kDouble), layer.weight.to(at::kDouble), layer.bias.to(at::kDouble), true).scalar_type(), at::kDouble);
  const Tensor strided = sines({10, 6}, 1).t();
  EXPECT_TRUE(linear(strided, layer.weight, layer.bias, false).allclose(at::linear(strided, layer.weight, layer.bias), 1e-4, 1e-5));
  EXPECT_EQ(linear(sines({0, 10}, 0), layer.weight, layer.bias, true).sizes().vec(), (std::vector<int64_t>{0, 12}));
}

TEST(Linear, KeepsNumbersThatAreNotFinite) {
  const Layer layer(4, 16, 16);
  Tensor x = layer.x.clone();
  x.data_ptr<float>()[16 + 3] = std::numeric_limits<float>::quiet_NaN();
  const Tensor y = linear(x, layer.weight, layer.bias, true).isnan();
  EXPECT_EQ(y.select(0, 1).sum().item<int64_t>(), 16);
  EXPECT_EQ(y.sum().item<int64_t>(), 16);
}

}  // namespace
}  // namespace cohort::models
