// The DLRM net by its registered name: its parts against the formula, its export against ONNX Runtime, what it refuses.
#include <ATen/TensorOperators.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/linspace.h>
#include <gmock/gmock.h>
#include <torch/csrc/autograd/autograd.h>

#include "core/error.h"
#include "models/artifact/scorer.h"
#include "models/model.h"
#include "models/nets/interaction.h"
#include "tests/models/served_net.h"

namespace cohort::models {
namespace {

using at::Tensor;

struct Made {
  std::shared_ptr<Net> net;
  std::vector<TableSpec> tables;
};

const ModelType& dlrm() {
  static const bool registered = (register_builtin_models(), true);
  (void)registered;
  return model_type("dlrm");
}

Layout layout_of(int64_t dense, const std::vector<int64_t>& cardinalities) {
  Layout layout;
  layout.dense_width = dense;
  for (const int64_t n : cardinalities) layout.categorical.push_back({"c" + std::to_string(layout.categorical.size()), n});
  return layout;
}

Made make(const Layout& layout, int64_t outputs) {
  const std::shared_ptr<void> options = dlrm().options->make();
  Made made{dlrm().make(options.get(), layout, outputs), dlrm().tables(options.get(), layout)};
  uint32_t stream = 0;
  for (const auto& parameter : made.net->named_parameters()) {
    const at::NoGradGuard no_grad;
    const core::KeyedRandom random(3, "weights", stream++);
    Tensor values = parameter.value();
    for (int64_t i = 0; i < values.numel(); ++i) values.data_ptr<float>()[i] = static_cast<float>(random.normal(static_cast<uint64_t>(i)) * 0.08);
  }
  return made;
}

Tensor waves(std::vector<int64_t> shape, double from) {
  int64_t count = 1;
  for (const int64_t n : shape) count *= n;
  return (at::linspace(from, from + 0.37 * static_cast<double>(count), count).sin()).reshape(shape).contiguous();
}

Batch batch_of(const Layout& layout, const std::vector<TableSpec>& tables, int64_t rows) {
  Batch batch;
  batch.dense = waves({rows, layout.dense_width}, 0.5);
  for (std::size_t t = 0; t < tables.size(); ++t)
    batch.embedded.push_back(waves({rows, tables[t].dim}, static_cast<double>(t)).requires_grad_(true));
  return batch;
}

/// The net written out in libtorch's operators.
Tensor written_out(Net& net, const Batch& batch) {
  const auto weights = net.named_parameters();
  const auto layer = [&](const std::string& name, const Tensor& x) { return at::linear(x, weights[name + ".weight"], weights[name + ".bias"]); };
  std::vector<Tensor> vectors = batch.embedded;
  const bool dense = batch.dense.size(1) > 0;
  if (dense) {
    Tensor x = batch.dense;
    for (const char* k : {"0", "1", "2"}) x = layer(std::string("bottom.linear") + k, x).relu();
    vectors.insert(vectors.begin(), x);
  }
  Tensor x = interaction_composed(vectors, dense);
  for (const char* k : {"0", "1"}) x = layer(std::string("top.linear") + k, x).relu();
  return layer("head", x);
}

TEST(Dlrm, AgreesWithItsFormulaForwardAndBackward) {
  for (const Layout& layout : {layout_of(13, std::vector<int64_t>(26, 100)), layout_of(0, {5, 6, 7}), layout_of(2, {9})}) {
    const Made made = make(layout, 1);
    const Batch batch = batch_of(layout, made.tables, 33);
    Random random = Random::inactive();
    const Tensor mine = made.net->forward(batch, random).at("logit"), expected = written_out(*made.net, batch);
    EXPECT_TRUE(mine.allclose(expected, 1e-4, 1e-5));
    std::vector<Tensor> inputs = batch.embedded;
    for (const Tensor& parameter : made.net->parameters()) inputs.push_back(parameter);
    const auto a = torch::autograd::grad({mine.square().sum()}, inputs), b = torch::autograd::grad({expected.square().sum()}, inputs);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      EXPECT_GT(b[i].abs().max().item<float>(), 0) << i;
      EXPECT_TRUE(a[i].allclose(b[i], 1e-3, 1e-4)) << i;
    }
  }
}

TEST(Dlrm, WantsOneTableOfOneWidthForEachFeature) {
  const Made made = make(layout_of(3, {4, 70000, 12}), 1);
  ASSERT_EQ(made.tables.size(), 3u);
  for (const TableSpec& table : made.tables) EXPECT_EQ(table.dim, 16);
  EXPECT_EQ(made.tables[1].rows, 70000);
}

void expect_onnx_parity(const datasets::FittedFeatures& features, int64_t outputs, Link link) {
  Layout layout;
  layout.dense_width = features.dense_width();
  for (const auto& feature : features.categorical) layout.categorical.push_back({feature.column, feature.cardinality()});
  const Made made = make(layout, outputs);
  made.net->eval();
  ServedNet served;
  served.link = link;
  for (const auto& item : made.net->named_parameters()) {
    item.value().set_requires_grad(false);
    served.weights.emplace_back(item.key(), item.value());
  }
  for (const TableSpec& table : made.tables) served.tables.push_back({"tables." + table.name, table.feature, waves({table.rows, table.dim}, 1)});
  served.forward = [net = made.net](const Tensor& dense, const std::vector<Tensor>& embedded) {
    Random random = Random::inactive();
    return net->forward({dense, embedded}, random).at("logit");
  };
  const TestFolder folder;
  const auto model = write_model(folder, export_onnx(features, served, {{"run_id", "test"}}));
  EXPECT_EQ(onnx_checker(folder, model), "");
  const RawTable table = sample_rows(features, 500);
  // The scorer runs the kernel, the file what was recorded of libtorch's operators.
  EXPECT_LT(largest_difference(run_onnx(model, table), score(features, served, outputs, table)), 1e-5);
}

TEST(Dlrm, ServedByOnnxRuntimeGivesTheSameScores) {
  datasets::FittedFeatures features = plain_columns(4);
  features.categorical.push_back({"colour", datasets::DType::kString, {"blue", "grün", "red"}, {}});
  features.categorical.push_back({"grade", datasets::DType::kInt64, {}, {-7, 0, 3, 1000000007}});
  features.categorical.push_back({"shop", datasets::DType::kInt64, {}, {1, 2, 3, 4, 5, 6, 7, 8, 9}});
  expect_onnx_parity(features, 1, Link::kSigmoid);
  expect_onnx_parity(features, 3, Link::kSoftmax);
  features.dense.clear();
  expect_onnx_parity(features, 1, Link::kSigmoid);
}

std::string refusal_of(const Layout& layout) {
  try {
    make(layout, 1);
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    return error.what();
  }
  return "made";
}

TEST(Dlrm, RefusesFeaturesThatGiveNoPair) {
  EXPECT_THAT(refusal_of(layout_of(5, {})), testing::HasSubstr("needs categorical features"));
  EXPECT_THAT(refusal_of(layout_of(0, {10})), testing::HasSubstr("'c0'"));
  EXPECT_EQ(refusal_of(layout_of(1, {10})), "made");
}

}  // namespace
}  // namespace cohort::models
