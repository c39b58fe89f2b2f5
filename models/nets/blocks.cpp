#include "models/nets/blocks.h"

#include <cmath>

#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/tanh.h>

#include "models/nets/linear.h"

namespace cohort::models {

at::Tensor activate(const std::string& name, const at::Tensor& x) {
  if (name == "gelu") return at::gelu(x);
  if (name == "silu") return at::silu(x);
  if (name == "tanh") return at::tanh(x);
  return at::relu(x);
}

const std::vector<std::string>& activation_names() {
  static const std::vector<std::string> names = {"relu", "gelu", "silu", "tanh"};
  return names;
}

std::vector<TableSpec> one_table_a_feature(const Layout& layout, int64_t dim, const std::string& pooling) {
  std::vector<TableSpec> tables;
  const auto add = [&](const std::string& column, std::size_t feature, int64_t cardinality, Pooling pooled) {
    const auto rule = static_cast<int64_t>(std::ceil(1.6 * std::pow(static_cast<double>(cardinality), 0.56)));
    tables.push_back({.name = column, .feature = static_cast<int64_t>(feature), .rows = cardinality, .dim = dim > 0 ? dim : std::min<int64_t>(32, rule), .pooling = pooled});
  };
  for (std::size_t i = 0; i < layout.categorical.size(); ++i) add(layout.categorical[i].column, i, layout.categorical[i].cardinality, Pooling::kNone);
  for (std::size_t i = 0; pooling != "none" && i < layout.sequences.size(); ++i) {
    if (layout.sequences[i].cardinality > 0)
      add(layout.sequences[i].column, i, layout.sequences[i].cardinality, pooling == "sum" ? Pooling::kSum : Pooling::kMean);
  }
  return tables;
}

int64_t input_width(const Layout& layout, const std::vector<TableSpec>& tables) {
  int64_t width = layout.dense_width;
  for (const TableSpec& table : tables) width += table.dim;
  return width;
}

at::Tensor join_inputs(const Batch& batch) {
  if (batch.embedded.empty()) return batch.dense;
  std::vector<at::Tensor> parts;
  if (batch.dense.size(1) > 0) parts.push_back(batch.dense);
  parts.insert(parts.end(), batch.embedded.begin(), batch.embedded.end());
  return at::cat(parts, 1);
}

NormImpl::NormImpl(const std::string& kind, int64_t width) {
  if (kind == "layer") layer_ = register_module("layer", torch::nn::LayerNorm(torch::nn::LayerNormOptions({width})));
  if (kind == "batch") batch_ = register_module("batch", torch::nn::BatchNorm1d(width));
}

at::Tensor NormImpl::forward(const at::Tensor& x) {
  if (layer_) return layer_->forward(x);
  if (batch_) return batch_->forward(x);
  return x;
}

at::Tensor activated(const torch::nn::Linear& layer, Norm& norm, const std::string& activation, const at::Tensor& x) {
  if (norm->none() && activation == "relu") return linear(x, layer->weight, layer->bias, true);
  return activate(activation, norm->forward(linear(x, layer->weight, layer->bias, false)));
}

}  // namespace cohort::models
