#include "models/nets/linear.h"

#include <cstdlib>
#include <optional>
#include <string_view>

#include <ATen/TracerMode.h>
#include <ATen/core/List.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/threshold_backward.h>
#include <torch/csrc/autograd/custom_function.h>

#include "models/autocast.h"

namespace cohort::models {
namespace {

constexpr int64_t kFewestOutputs = 8;  // below, the call costs more than the product

/// x·Wᵀ + bias, then the activation named. oneDNN's ReLU would do, but it makes 0 of NaN, and a net that has failed would go on unseen.
using Product = at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, std::string_view, c10::List<std::optional<at::Scalar>>,
                           std::optional<std::string_view>);
using ProductHandle = c10::TypedOperatorHandle<Product>;

/// None where this libtorch has no oneDNN or the user wants bits that all processors share.
const std::optional<ProductHandle>& product_handle() {
  static const std::optional<ProductHandle> handle = []() -> std::optional<ProductHandle> {
    const char* const cbwr = std::getenv("MKL_CBWR");
    if (cbwr != nullptr && std::string_view(cbwr) == "COMPATIBLE") return std::nullopt;
    const auto found = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
    if (!found || !found->hasKernelForDispatchKey(c10::DispatchKey::CPU)) return std::nullopt;
    return found->typed<Product>();
  }();
  return handle;
}

at::Tensor product_of(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias) {
  const at::AutoDispatchBelowADInplaceOrView plain;  // gradients are ours
  return product_handle()->call(x, weight, bias, "none", c10::List<std::optional<at::Scalar>>(), std::string_view());
}

class LinearProduct : public torch::autograd::Function<LinearProduct> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, bool relu) {
    at::Tensor y = product_of(x, weight, bias);
    if (relu) at::relu_(y);
    context->save_for_backward({x, weight, relu ? y : at::Tensor()});
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &y = saved[2];
    const at::NoGradGuard once;
    const at::Tensor g = (y.defined() ? at::threshold_backward(gradients[0], y, 0) : gradients[0]).contiguous();
    // Products of transposes are read where they are: no copies.
    return {context->needs_input_grad(0) ? product_of(g, weight.t(), std::nullopt) : at::Tensor(),
            context->needs_input_grad(1) ? product_of(g.t(), x.t(), std::nullopt) : at::Tensor(),
            context->needs_input_grad(2) ? g.sum(0) : at::Tensor(), at::Tensor()};
  }
};

bool plain_matrix(const at::Tensor& tensor, int64_t dims) {
  return tensor.defined() && tensor.dim() == dims && tensor.is_cpu() && tensor.scalar_type() == at::kFloat && tensor.is_contiguous();
}

}  // namespace

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, bool relu) {
  const bool own = !at::tracer::impl::is_dispatch_enabled() && !autocast_is_on() && plain_matrix(x, 2) && plain_matrix(weight, 2) && plain_matrix(bias, 1) && x.size(0) > 0 &&
                   weight.size(0) >= kFewestOutputs && product_handle().has_value();
  if (own) return LinearProduct::apply(x, weight, bias, relu);
  at::Tensor y = at::linear(x, weight, bias);
  // A product's backward doesn't read the product: its memory serves the result too.
  return relu ? at::relu_(y) : y;
}

}  // namespace cohort::models
