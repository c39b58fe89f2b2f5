// Parts that the dense nets share. Included by net sources alone: it costs what libtorch's headers cost.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include "core/options.h"
#include "models/model.h"

namespace cohort::models {

/// relu, gelu (exact), silu, tanh.
at::Tensor activate(const std::string& name, const at::Tensor& x);
const std::vector<std::string>& activation_names();

/// One embedding table a categorical feature, and with `pooling` sum or mean one a sequence of categorical elements. `dim` 0 chooses min(32, ⌈1.6·n^0.56⌉) for n indices: a rule of thumb used in the fastai tabular
/// learner.
std::vector<TableSpec> one_table_a_feature(const Layout& layout, int64_t dim, const std::string& pooling = "none");

/// Width of dense features and all embedded vectors side by side.
int64_t input_width(const Layout& layout, const std::vector<TableSpec>& tables);
/// [B, input_width]: dense features, then the embedded vectors in table order.
at::Tensor join_inputs(const Batch& batch);

/// none, layer (LayerNorm) or batch (BatchNorm), as a registered part of a net.
class NormImpl : public torch::nn::Module {
 public:
  NormImpl(const std::string& kind, int64_t width);
  at::Tensor forward(const at::Tensor& x);
  bool none() const { return !layer_ && !batch_; }

 private:
  torch::nn::LayerNorm layer_{nullptr};
  torch::nn::BatchNorm1d batch_{nullptr};
};
TORCH_MODULE(Norm);

/// activation(norm(layer(x))), through models/nets/linear.h.
at::Tensor activated(const torch::nn::Linear& layer, Norm& norm, const std::string& activation, const at::Tensor& x);

}  // namespace cohort::models
