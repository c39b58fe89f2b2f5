// The interaction's own kernel against libtorch's operators.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <torch/csrc/autograd/autograd.h>

#include "core/error.h"
#include "core/philox.h"
#include "models/nets/interaction.h"
#include "models/nets/interaction_kernel.h"

namespace cohort::models {
namespace {

using at::Tensor;

/// Normal numbers, keyed by `stream`.
Tensor normals(std::vector<int64_t> shape, uint32_t stream) {
  const core::KeyedRandom random(1, "interaction", stream);
  Tensor values = at::zeros(shape);
  for (int64_t i = 0; i < values.numel(); ++i) values.data_ptr<float>()[i] = static_cast<float>(random.normal(static_cast<uint64_t>(i)));
  return values;
}

std::vector<Tensor> vectors_of(int64_t count, int64_t rows, int64_t width) {
  std::vector<Tensor> vectors;
  for (int64_t i = 0; i < count; ++i) vectors.push_back(normals({rows, width}, static_cast<uint32_t>(i)).requires_grad_(true));
  return vectors;
}

std::vector<Tensor> gradients_of_vectors(const Tensor& out, const std::vector<Tensor>& vectors, const Tensor& given) {
  return torch::autograd::grad({out}, vectors, {given});
}

double largest_gap(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  return a.numel() == 0 ? 0 : (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

std::vector<Tensor> in_double(const std::vector<Tensor>& vectors) {
  std::vector<Tensor> result;
  for (const Tensor& vector : vectors) result.push_back(vector.detach().to(at::kDouble).requires_grad_(true));
  return result;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.sizes() == b.sizes() && std::memcmp(a.contiguous().data_ptr(), b.contiguous().data_ptr(), a.nbytes()) == 0;
}

TEST(Interaction, AgreesWithLibtorchInValuesAndGradientsForManyWidthsAndCounts) {
  for (const int64_t width : {1, 3, 7, 8, 9, 16, 17, 24, 33, 64})
    for (const int64_t count : {2, 3, 4, 5, 8, 9, 13, 17, 27, 33, 40})
      for (const bool keep_first : {true, false}) {
        SCOPED_TRACE(testing::Message() << count << " vectors of " << width << (keep_first ? ", the first kept" : ""));
        const std::vector<Tensor> vectors = vectors_of(count, 5, width), precise = in_double(vectors);
        const Tensor out = interaction(vectors, keep_first), expected = interaction_composed(precise, keep_first);
        ASSERT_EQ(out.scalar_type(), at::kFloat);
        EXPECT_LT(largest_gap(out, expected), 2e-6 * static_cast<double>(width + 4));
        const Tensor given = normals(out.sizes().vec(), 99);
        const std::vector<Tensor> mine = gradients_of_vectors(out, vectors, given),
                                  theirs = gradients_of_vectors(expected, precise, given.to(at::kDouble));
        for (int64_t i = 0; i < count; ++i) ASSERT_LT(largest_gap(mine[i], theirs[i]), 2e-5) << "gradient of vector " << i;
      }
}

TEST(Interaction, TakesWholeNumbersExactly) {
  // Sums of small whole numbers are exact in any order: every bit must agree.
  for (const auto& [count, width] : std::vector<std::pair<int64_t, int64_t>>{{27, 16}, {2, 1}, {40, 17}, {11, 64}}) {
    std::vector<Tensor> vectors;
    for (int64_t i = 0; i < count; ++i) vectors.push_back((normals({9, width}, static_cast<uint32_t>(i)) * 4).round().requires_grad_(true));
    const Tensor expected = interaction_composed(vectors, true), given = (normals(expected.sizes().vec(), 99) * 4).round();
    const std::vector<Tensor> theirs = gradients_of_vectors(expected, vectors, given);
    for (const Tensor& out : {interaction(vectors, true), interaction_on_device(vectors, true)}) {
      EXPECT_TRUE((out == expected).all().item<bool>());
      const std::vector<Tensor> mine = gradients_of_vectors(out, vectors, given);
      for (int64_t i = 0; i < count; ++i) EXPECT_TRUE((mine[i] == theirs[i]).all().item<bool>()) << i;
    }
  }
}

TEST(Interaction, GivesARowTheSameBitsInEveryBatch) {
  const std::vector<Tensor> vectors = vectors_of(27, 300, 16);
  const Tensor out = interaction(vectors, true), given = normals(out.sizes().vec(), 99);
  const std::vector<Tensor> gradients = gradients_of_vectors(out, vectors, given);
  for (const auto& [first, rows] : std::vector<std::pair<int64_t, int64_t>>{{0, 1}, {17, 1}, {299, 1}, {40, 7}, {100, 200}}) {
    std::vector<Tensor> part;
    for (const Tensor& vector : vectors) part.push_back(vector.detach().narrow(0, first, rows).requires_grad_(true));
    const Tensor alone = interaction(part, true);
    EXPECT_TRUE(same_bits(alone, out.narrow(0, first, rows)));
    const std::vector<Tensor> part_gradients = gradients_of_vectors(alone, part, given.narrow(0, first, rows));
    for (std::size_t i = 0; i < part.size(); ++i) EXPECT_TRUE(same_bits(part_gradients[i], gradients[i].narrow(0, first, rows)));
  }
}

TEST(Interaction, TheKernelForEveryMachineAgreesToo) {
  for (const auto& [count, width] : std::vector<std::pair<int64_t, int64_t>>{{27, 16}, {2, 1}, {5, 3}, {40, 17}})
    for (const bool keep_first : {true, false}) {
      const std::vector<Tensor> vectors = vectors_of(count, 4, width);
      const InteractionShape shape{count, width, keep_first};
      std::vector<const float*> from;
      for (const Tensor& vector : vectors) from.push_back(vector.const_data_ptr<float>());
      const Tensor out = at::zeros({4, shape.columns()}), fused = interaction(vectors, keep_first);
      detail::interact_rows_plain(shape, from, 0, 4, out.data_ptr<float>());
      EXPECT_LT(largest_gap(out, fused), 1e-4);
      const Tensor given = normals({4, shape.columns()}, 99);
      std::vector<Tensor> mine;
      std::vector<float*> to;
      for (int64_t i = 0; i < count; ++i) to.push_back(mine.emplace_back(at::zeros({4, width})).data_ptr<float>());
      detail::interact_rows_backward_plain(shape, from, given.data_ptr<float>(), 0, 4, to);
      const std::vector<Tensor> expected = gradients_of_vectors(fused, vectors, given);
      for (int64_t i = 0; i < count; ++i) EXPECT_LT(largest_gap(mine[i], expected[i]), 1e-4);
    }
}

TEST(Interaction, WritesNothingBeyondItsRows) {
  for (const auto& [count, width] : std::vector<std::pair<int64_t, int64_t>>{{27, 16}, {2, 1}, {3, 9}, {6, 16}}) {
    const InteractionShape shape{count, width, true};
    const std::vector<Tensor> vectors = vectors_of(count, 3, width);
    std::vector<const float*> from;
    for (const Tensor& vector : vectors) from.push_back(vector.const_data_ptr<float>());
    std::vector<float> out(static_cast<std::size_t>(3 * shape.columns()), -77.0f);
    interact_rows(shape, from, 1, 2, out.data());
    for (int64_t c = 0; c < shape.columns(); ++c) {
      ASSERT_EQ(out[static_cast<std::size_t>(c)], -77.0f);
      ASSERT_EQ(out[static_cast<std::size_t>(2 * shape.columns() + c)], -77.0f);
    }
    std::vector<std::vector<float>> gradients(static_cast<std::size_t>(count), std::vector<float>(static_cast<std::size_t>(3 * width), -77.0f));
    std::vector<float*> to;
    for (auto& gradient : gradients) to.push_back(gradient.data());
    interact_rows_backward(shape, from, normals({3, shape.columns()}, 9).data_ptr<float>(), 1, 2, to);
    for (const auto& gradient : gradients)
      for (int64_t d = 0; d < width; ++d) {
        ASSERT_EQ(gradient[static_cast<std::size_t>(d)], -77.0f);
        ASSERT_EQ(gradient[static_cast<std::size_t>(2 * width + d)], -77.0f);
      }
  }
}

TEST(Interaction, SpreadsNoNumberThatIsNotFiniteToOtherPairsOrRows) {
  const std::vector<Tensor> vectors = vectors_of(27, 4, 16);
  vectors[5].data_ptr<float>()[2 * 16 + 3] = std::numeric_limits<float>::quiet_NaN();
  const Tensor bad = interaction(vectors, false).isnan();
  EXPECT_EQ(bad[2].sum().item<int64_t>(), 26);
  EXPECT_EQ(bad.sum().item<int64_t>(), 26);
}

TEST(Interaction, TakesStridedVectorsOtherTypesAndNoRows) {
  std::vector<Tensor> strided;
  for (uint32_t i = 0; i < 3; ++i) strided.push_back(normals({16, 6}, i).t());
  EXPECT_LT(largest_gap(interaction(strided, true), interaction_composed(strided, true)), 1e-4);
  EXPECT_EQ(interaction(in_double(strided), true).scalar_type(), at::kDouble);
  EXPECT_EQ(interaction(vectors_of(4, 0, 8), true).sizes().vec(), (std::vector<int64_t>{0, 14}));
}

TEST(Interaction, RefusesVectorsThatCantPair) {
  EXPECT_THROW(interaction(vectors_of(1, 3, 4), true), core::Error);
  EXPECT_THROW(interaction({normals({3, 4}, 0), normals({3, 5}, 1)}, true), core::Error);
}

}  // namespace
}  // namespace cohort::models
