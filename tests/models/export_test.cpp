// Whole artifacts' graphs: raw columns of every kind, tables, weights, links.
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/roll.h>
#include <gmock/gmock.h>

#include "core/error.h"
#include "models/artifact/scorer.h"
#include "tests/models/served_net.h"

namespace cohort::models {
namespace {

using datasets::DenseFeature;
using datasets::FittedFeatures;

at::Tensor ramp(std::vector<int64_t> shape, double low = -0.5, double high = 0.5) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  // Neighbours differ much, so that a column in a wrong place shows.
  at::Tensor flat = at::linspace(low, high, count).reshape({-1});
  return flat.roll(count / 3).reshape(shape);
}

datasets::QuantileNormal quantiles(int64_t count, float low, float high) {
  datasets::QuantileNormal step;
  for (int64_t i = 0; i < count; ++i) {
    const float p = static_cast<float>(i) / static_cast<float>(count - 1);
    step.quantiles.push_back(low + (high - low) * p * p);
    step.normals.push_back(-5.0f + 10.0f * p);
  }
  return step;
}

datasets::PiecewiseLinear bins(const std::vector<float>& edges) {
  datasets::PiecewiseLinear step{edges, {}};
  for (std::size_t t = 0; t + 1 < edges.size(); ++t) step.inverse_widths.push_back(1.0f / (edges[t + 1] - edges[t]));
  return step;
}

/// Every kind of transform, alone and in a row, with and without indicators and special codes, twice on one column.
FittedFeatures every_transform() {
  FittedFeatures features;
  const auto add = [&](const std::string& column, std::vector<datasets::Step> steps, bool indicator, std::vector<float> special = {}) {
    DenseFeature feature;
    feature.column = column;
    feature.fill = 0.25f;
    feature.indicator = indicator;
    feature.special = std::move(special);
    feature.steps = std::move(steps);
    feature.first = features.dense_width();
    features.dense.push_back(feature);
  };
  add("plain", {}, false);
  add("amount", {datasets::Standardise{0.3f, 1.7f}}, true);
  add("Ünïcode, \"quoted\"", {datasets::Log{}, datasets::Standardise{0.1f, 2.5f}}, true, {1.0f, 0.5f});
  add("skewed", {quantiles(1000, -2, 2)}, false, {-1.0f});
  add("amount", {quantiles(7, -1, 1)}, true);
  add("two quantiles", {quantiles(2, -1, 1)}, false);
  add("binned", {bins({-1, -0.25f, 0, 1.5f})}, true, {0.75f, 96, 98});
  add("binned too", {bins({-2, 2})}, false);
  add("all", {datasets::Log{}, datasets::Standardise{0, 1}, quantiles(50, -1, 1), bins({-3, -1, 0.5f, 2})}, true);
  features.categorical.push_back({"colour", datasets::DType::kString, {"blue", "grün", "red"}, {}});
  features.categorical.push_back({"grade", datasets::DType::kInt64, {}, {-7, 0, 3, 1000000007}});
  return features;
}

/// Dense features and both tables side by side into a small net.
ServedNet net_over(const FittedFeatures& features, int64_t outputs, Link link) {
  ServedNet net;
  net.link = link;
  int64_t width = features.dense_width();
  for (std::size_t c = 0; c < features.categorical.size(); ++c) {
    const int64_t dim = static_cast<int64_t>(c) + 2;
    net.tables.push_back(
        {features.categorical[c].column, static_cast<int64_t>(c), ramp({features.categorical[c].cardinality(), dim}, -2, 2)});
    width += dim;
  }
  const at::Tensor first = ramp({6, width}), bias = ramp({6}), head = ramp({outputs, 6});
  net.weights = {{"first.weight", first}, {"first.bias", bias}, {"head.weight", head}};
  net.forward = [=](const at::Tensor& dense, const std::vector<at::Tensor>& embedded) {
    std::vector<at::Tensor> parts = {dense};
    parts.insert(parts.end(), embedded.begin(), embedded.end());
    return at::linear(at::gelu(at::linear(at::cat(parts, 1), first, bias)), head);
  };
  return net;
}

void expect_parity(const FittedFeatures& features, const ServedNet& net, int64_t outputs, const RawTable& table) {
  const TestFolder folder;
  const auto model = write_model(folder, export_onnx(features, net, {{"run_id", "test"}}));
  EXPECT_EQ(onnx_checker(folder, model), "");
  const std::vector<float> onnx = run_onnx(model, table), torch = score(features, net, outputs, table);
  ASSERT_EQ(onnx.size(), static_cast<std::size_t>(table.rows * outputs));
  EXPECT_LT(largest_difference(onnx, torch), 1e-5);
}

TEST(Export, AgreesOnRealisticRowsForEveryTransformAndLink) {
  const FittedFeatures features = every_transform();
  const RawTable table = sample_rows(features, 1000);
  expect_parity(features, net_over(features, 1, Link::kSigmoid), 1, table);
  expect_parity(features, net_over(features, 1, Link::kIdentity), 1, table);
  expect_parity(features, net_over(features, 4, Link::kSoftmax), 4, table);
}

TEST(Export, AgreesOnHostileRows) {
  const FittedFeatures features = every_transform();
  expect_parity(features, net_over(features, 1, Link::kSigmoid), 1, hostile_rows(features, sample_rows(features, 50), 1000, 7));
}

TEST(Export, GivesTheSameTransformedNumbersBitForBit) {
  // The net passes the features through: what comes out is the dense matrix itself, but for the logarithm, whose last
  // bit is each library's own.
  FittedFeatures features = every_transform();
  features.categorical.clear();
  std::erase_if(features.dense, [](const DenseFeature& feature) {
    return !feature.steps.empty() && std::holds_alternative<datasets::Log>(feature.steps[0]);
  });
  int64_t width = 0;
  for (DenseFeature& feature : features.dense) {
    feature.first = width;
    width += feature.width();
  }
  const ServedNet net = dense_net([](const at::Tensor& x) { return x * 1; });
  const TestFolder folder;
  const auto model = write_model(folder, export_onnx(features, net, {}));
  const RawTable table = hostile_rows(features, sample_rows(features, 100), 2000, 3);
  const std::vector<float> onnx = run_onnx(model, table), torch = score(features, net, width, table);
  ASSERT_EQ(onnx.size(), torch.size());
  std::size_t unequal = 0;
  for (std::size_t i = 0; i < onnx.size(); ++i) unequal += onnx[i] != torch[i] ? 1 : 0;
  EXPECT_EQ(unequal, 0u);
}

TEST(Export, WorksWithDenseColumnsAloneAndWithTablesAlone) {
  FittedFeatures dense = every_transform(), tables = every_transform();
  dense.categorical.clear();
  tables.dense.clear();
  expect_parity(dense, net_over(dense, 1, Link::kSigmoid), 1, sample_rows(dense, 100));
  expect_parity(tables, net_over(tables, 1, Link::kSigmoid), 1, sample_rows(tables, 100));
}

TEST(Export, DeclaresRawColumnsNamedWeightsAndMetadata) {
  const TestFolder folder;
  const FittedFeatures features = every_transform();
  const auto model = write_model(folder, export_onnx(features, net_over(features, 1, Link::kSigmoid), {{"run_id", "r-1"}}));
  const std::string said = run_python(folder, R"(
import onnx, sys
m = onnx.load(sys.argv[1])
name = onnx.TensorProto.DataType.Name
print("IR", m.ir_version, sorted((o.domain, o.version) for o in m.opset_import))
for v in list(m.graph.input) + list(m.graph.output):
    t = v.type.tensor_type
    print(v.name, name(t.elem_type), [d.dim_param or d.dim_value for d in t.shape.dim])
print(sorted(i.name for i in m.graph.initializer if "." in i.name))
print({p.key: p.value for p in m.metadata_props}, {n.domain for n in m.graph.node})
print("nodes", len(m.graph.node))
)",
                                      {model.string()});
  EXPECT_THAT(said, testing::HasSubstr("IR 8 [('', 17), ('ai.onnx.ml', 3)]\nplain FLOAT ['N', 1]\namount FLOAT ['N', 1]\n"));
  EXPECT_THAT(said, testing::HasSubstr("colour STRING ['N', 1]\ngrade INT64 ['N', 1]\nprediction FLOAT ['N', 1]\n"));
  EXPECT_THAT(said, testing::HasSubstr("['first.bias', 'first.weight', 'head.weight', 'tables.colour', 'tables.grade']"));
  EXPECT_THAT(said, testing::HasSubstr("{'run_id': 'r-1'}"));
}

TEST(Export, ComputesColumnsOfOneKindTogether) {
  FittedFeatures features;
  for (int64_t i = 0; i < 200; ++i) {
    DenseFeature& feature = features.dense.emplace_back();
    feature.column = "column " + std::to_string(i);
    feature.indicator = i % 2 == 0;
    feature.steps = {datasets::Standardise{static_cast<float>(i), 0.5f}};
  }
  int64_t width = 0;
  for (DenseFeature& feature : features.dense) {
    feature.first = width;
    width += feature.width();
  }
  const TestFolder folder;
  const auto model = write_model(folder, export_onnx(features, dense_net([](const at::Tensor& x) { return x.sum(1, true); }), {}));
  const std::string nodes = run_python(folder, "import onnx, sys\nprint(len(onnx.load(sys.argv[1]).graph.node))", {model.string()});
  EXPECT_LE(std::stoi(nodes), 15);
}

TEST(Export, RefusesNamesThatCollide) {
  FittedFeatures features = plain_columns(2);
  features.dense[1].column = "prediction";
  EXPECT_THROW(export_onnx(features, dense_net([](const at::Tensor& x) { return x; }), {}), core::Error);
  features.dense[1].column = "";
  EXPECT_THROW(export_onnx(features, dense_net([](const at::Tensor& x) { return x; }), {}), core::Error);
  EXPECT_THROW(export_onnx(FittedFeatures{}, dense_net([](const at::Tensor& x) { return x; }), {}), core::Error);
}

TEST(Export, KeepsAColumnApartFromAWeightOfTheSameName) {
  FittedFeatures features = plain_columns(2);
  features.dense[1].column = "w";
  const at::Tensor weight = ramp({1, 2});
  expect_parity(features, dense_net([&](const at::Tensor& x) { return at::linear(x, weight); }, {{"w", weight}}), 1,
                sample_rows(features, 20));
}

TEST(Export, RefusesATableSmallerThanItsVocabulary) {
  FittedFeatures features = every_transform();
  ServedNet net = net_over(features, 1, Link::kSigmoid);
  features.categorical[0].strings.push_back("yellow");
  EXPECT_THROW(export_onnx(features, net, {}), core::Error);
}

}  // namespace
}  // namespace cohort::models
