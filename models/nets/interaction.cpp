#include "models/nets/interaction.h"

#include <algorithm>

#include <ATen/Parallel.h>
#include <ATen/TracerMode.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/error.h"
#include "models/autocast.h"
#include "models/nets/interaction_kernel.h"

namespace cohort::models {
namespace {

constexpr int64_t kInteractionGrain = 64;  // rows a thread takes at least

/// Addresses of row-major matrices, which `held` keeps alive.
std::vector<const float*> addresses(const std::vector<at::Tensor>& tensors, std::vector<at::Tensor>& held) {
  std::vector<const float*> result;
  for (const at::Tensor& tensor : tensors) result.push_back(held.emplace_back(tensor.contiguous()).const_data_ptr<float>());
  return result;
}

at::Tensor interaction_forward(const InteractionShape& shape, const std::vector<at::Tensor>& vectors) {
  std::vector<at::Tensor> held;
  const std::vector<const float*> from = addresses(vectors, held);
  const int64_t rows = vectors[0].size(0);
  at::Tensor out = at::empty({rows, shape.columns()}, vectors[0].options().requires_grad(false));
  float* const to = out.mutable_data_ptr<float>();
  at::parallel_for(0, rows, kInteractionGrain, [&](int64_t first, int64_t last) { interact_rows(shape, from, first, last, to); });
  return out;
}

std::vector<at::Tensor> interaction_backward(const InteractionShape& shape, const std::vector<at::Tensor>& vectors, const at::Tensor& gradient) {
  std::vector<at::Tensor> held, out;
  const std::vector<const float*> from = addresses(vectors, held);
  std::vector<float*> to;
  for (const at::Tensor& vector : vectors) to.push_back(out.emplace_back(at::empty(vector.sizes(), vector.options())).mutable_data_ptr<float>());
  const at::Tensor given = gradient.contiguous();
  const float* const g = given.const_data_ptr<float>();
  at::parallel_for(0, given.size(0), kInteractionGrain,
                   [&](int64_t first, int64_t last) { interact_rows_backward(shape, from, g, first, last, to); });
  return out;
}

InteractionShape shape_of(const std::vector<at::Tensor>& vectors, bool keep_first) {
  return {static_cast<int64_t>(vectors.size()), vectors[0].size(1), keep_first};
}

class PairDots : public torch::autograd::Function<PairDots> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, at::TensorList list, bool keep_first) {
    const std::vector<at::Tensor> vectors = list.vec();
    context->save_for_backward(vectors);
    context->saved_data["keep_first"] = keep_first;
    return interaction_forward(shape_of(vectors, keep_first), vectors);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
    const std::vector<at::Tensor> vectors = context->get_saved_variables();
    const at::NoGradGuard once;
    torch::autograd::variable_list result =
        interaction_backward(shape_of(vectors, context->saved_data["keep_first"].toBool()), vectors, gradients[0]);
    result.emplace_back();  // keep_first has none
    return result;
  }
};

void check_vectors(const std::vector<at::Tensor>& vectors) {
  if (vectors.size() < 2)
    throw core::usage_error(fmt::format("an interaction of {} vectors has no pairs", vectors.size()), "give it two or more");
  for (const at::Tensor& vector : vectors)
    if (vector.dim() != 2 || vector.sizes() != vectors[0].sizes())
      throw core::usage_error("an interaction needs matrices [B, D] of one shape", "use one embedding dimension for all tables");
}

}  // namespace

at::Tensor interaction_composed(const std::vector<at::Tensor>& vectors, bool keep_first) {
  check_vectors(vectors);
  const auto n = static_cast<int64_t>(vectors.size());
  std::vector<int64_t> places;  // in the flat [n, n]
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = i + 1; j < n; ++j) places.push_back(i * n + j);
  at::Tensor index;
  {
    // A constant of the net, not an operator of its forward pass.
    const at::tracer::impl::NoTracerDispatchMode unrecorded;
    index = at::tensor(places, vectors[0].options().dtype(at::kLong).requires_grad(false));
  }
  const at::Tensor z = at::stack(vectors, 1);
  const at::Tensor pairs = z.bmm(z.transpose(1, 2)).flatten(1).index_select(1, index);
  return keep_first ? at::cat({vectors[0], pairs}, 1) : pairs;
}

at::Tensor interaction(const std::vector<at::Tensor>& vectors, bool keep_first) {
  check_vectors(vectors);
  const bool own = !at::tracer::impl::is_dispatch_enabled() && !autocast_is_on() && std::all_of(vectors.begin(), vectors.end(), [](const at::Tensor& vector) {
    return vector.is_cpu() && vector.layout() == at::kStrided && vector.scalar_type() == at::kFloat;
  });
  return own ? PairDots::apply(at::TensorList(vectors), keep_first) : interaction_composed(vectors, keep_first);
}

}  // namespace cohort::models
