#include "models/export/transforms_onnx.h"

#include <map>

#include <fmt/format.h>

#include "core/error.h"

namespace cohort::models {

EmittedFeatures emit_features(OnnxGraph& graph, const datasets::FittedFeatures& features) {
  if (features.dense.empty() && features.categorical.empty())
    throw core::usage_error("a net that reads no column can't be exported", "let [features] take at least one column");
  const std::vector<OnnxDim> dims = {std::string("N"), int64_t{1}};
  EmittedFeatures result;
  std::map<std::string, OnnxType> inputs;
  const auto input = [&](const std::string& column, OnnxType type) {
    const auto [found, added] = inputs.try_emplace(column, type);
    if (!added) {
      if (found->second != type)
        throw core::usage_error(fmt::format("the column '{}' is used both as a number and as a category", column),
                                "import it twice, under two names");
      return;
    }
    graph.reserve(column);
    graph.add_input(column, type, dims);
    if (result.batch.empty()) result.batch = column;
  };
  for (const auto& feature : features.dense) input(feature.column, OnnxType::kFloat);
  for (const auto& feature : features.categorical)
    input(feature.column, feature.dtype == datasets::DType::kString ? OnnxType::kString : OnnxType::kInt64);

  std::vector<std::string> columns;
  for (const auto& feature : features.dense) columns.push_back(feature.column);
  if (!columns.empty()) result.dense = emit_dense(graph, features, columns);
  for (const auto& feature : features.categorical) result.ids.push_back(emit_categorical(graph, feature, feature.column));
  return result;
}

std::string emit_no_columns(OnnxGraph& graph, const std::string& batch) {
  const std::string rows = graph.add("Shape", {batch}, {{"start", int64_t{0}}, {"end", int64_t{1}}});
  const std::string shape = graph.add("Concat", {rows, graph.constant(std::vector<int64_t>{0})}, {{"axis", int64_t{0}}});
  return graph.add("ConstantOfShape", {shape}, {{"value", scalar_tensor(OnnxType::kFloat, 0, {1})}});
}

std::string emit_categorical(OnnxGraph& graph, const datasets::CategoricalFeature& feature, const std::string& column) {
  // The missing marker comes first and wins over an equal value of the vocabulary, as in index_of.
  std::vector<int64_t> indices = {datasets::kMissingIndex};
  OnnxAttributes attributes;
  if (feature.dtype == datasets::DType::kString) {
    std::vector<std::string> keys = {""};
    for (std::size_t i = 0; i < feature.strings.size(); ++i) {
      if (feature.strings[i].empty()) continue;
      keys.push_back(feature.strings[i]);
      indices.push_back(datasets::kFirstIndex + static_cast<int64_t>(i));
    }
    attributes.emplace_back("keys_strings", std::move(keys));
  } else {
    std::vector<int64_t> keys = {datasets::kMissingInteger};
    for (std::size_t i = 0; i < feature.integers.size(); ++i) {
      if (feature.integers[i] == datasets::kMissingInteger) continue;
      keys.push_back(feature.integers[i]);
      indices.push_back(datasets::kFirstIndex + static_cast<int64_t>(i));
    }
    attributes.emplace_back("keys_int64s", std::move(keys));
  }
  attributes.emplace_back("values_int64s", std::move(indices));
  attributes.emplace_back("default_int64", int64_t{datasets::kUnknownIndex});
  const std::string ids = graph.add_ml("LabelEncoder", {column}, std::move(attributes));
  return graph.add("Squeeze", {ids, graph.constant(std::vector<int64_t>{1})});
}

}  // namespace cohort::models
