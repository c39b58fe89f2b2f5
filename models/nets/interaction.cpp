#include "models/nets/interaction.h"

#include <algorithm>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/TracerMode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/floor_divide.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/remainder.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/triu_indices.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
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

/// On devices: [n·n], for each pair (i, j) its place among the pairs i < j, whichever comes first; P, one past the last, where i = j. Made there by arithmetic: a copy from the
/// host would wait.
at::Tensor pair_places(int64_t n, const at::TensorOptions& options) {
  const at::Tensor all = at::arange(n * n, options.dtype(at::kLong)), row = at::floor_divide(all, n), column = at::remainder(all, n);
  const at::Tensor low = at::minimum(row, column), high = at::maximum(row, column);
  const at::Tensor before = at::floor_divide(low * (2 * n - 1 - low), 2);  // pairs that begin with a lower number
  return at::where(row == column, at::scalar_tensor(n * (n - 1) / 2, options.dtype(at::kLong)), before + high - low - 1);
}

/// Products and gathers alone, forward and backward: nothing is added up in an order of the device's choice, and nothing waits for the host.
class DevicePairDots : public torch::autograd::Function<DevicePairDots> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& z) {
    context->save_for_backward({z});
    const int64_t n = z.size(1);
    const at::Tensor upper = at::triu_indices(n, n, 1, z.options().dtype(at::kLong).requires_grad(false));
    return z.bmm(z.transpose(1, 2)).flatten(1).index_select(1, upper.select(0, 0) * n + upper.select(0, 1));
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
    const at::Tensor z = context->get_saved_variables()[0];
    const at::NoGradGuard once;
    const int64_t n = z.size(1);
    const at::Tensor& g = gradients[0];
    // A pair's gradient goes to both of its vectors, times the other one; a vector's own product isn't among the pairs.
    const at::Tensor with_none = at::cat({g, at::zeros({g.size(0), 1}, g.options())}, 1);
    return {with_none.index_select(1, pair_places(n, g.options())).view({g.size(0), n, n}).to(z.scalar_type()).bmm(z)};
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

at::Tensor interaction_on_device(const std::vector<at::Tensor>& vectors, bool keep_first) {
  check_vectors(vectors);
  const at::Tensor pairs = DevicePairDots::apply(at::stack(vectors, 1));
  return keep_first ? at::cat({vectors[0], pairs.to(vectors[0].scalar_type())}, 1) : pairs;
}

at::Tensor interaction(const std::vector<at::Tensor>& vectors, bool keep_first) {
  check_vectors(vectors);
  const bool own = !at::tracer::impl::is_dispatch_enabled() && !autocast_is_on() && std::all_of(vectors.begin(), vectors.end(), [](const at::Tensor& vector) {
    return vector.is_cpu() && vector.layout() == at::kStrided && vector.scalar_type() == at::kFloat;
  });
  if (own) return PairDots::apply(at::TensorList(vectors), keep_first);
  if (vectors[0].is_cpu() || at::tracer::impl::is_dispatch_enabled()) return interaction_composed(vectors, keep_first);
  return interaction_on_device(vectors, keep_first);
}

}  // namespace cohort::models
