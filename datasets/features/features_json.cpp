#include "datasets/features/features_json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>

#include <fast_float/fast_float.h>

#include "core/error.h"
#include "datasets/json_reader.h"

namespace cohort::datasets {
namespace {

constexpr int64_t kMostElements = 65000;

/// The number whose shortest text is the float's own, where that text leads back to the same float.
double readable_double(float value) {
  std::array<char, 32> text;
  const auto written = std::to_chars(text.data(), text.data() + text.size(), value);
  double wide = 0;
  const auto read = fast_float::from_chars(text.data(), written.ptr, wide);
  return read.ec == std::errc() && static_cast<float>(wide) == value ? wide : static_cast<double>(value);
}

nlohmann::ordered_json floats_json(const std::vector<float>& values) {
  auto list = nlohmann::ordered_json::array();
  for (const float value : values) list.push_back(readable_double(value));
  return list;
}

struct WriteStep {
  nlohmann::ordered_json& item;

  void operator()(const Log&) const { item["step"] = "log"; }
  void operator()(const Standardise& step) const {
    item["step"] = "standardise";
    item["mean"] = readable_double(step.mean);
    item["scale"] = readable_double(step.scale);
  }
  void operator()(const QuantileNormal& step) const {
    item["step"] = "quantile_normal";
    item["quantiles"] = floats_json(step.quantiles);
    item["normals"] = floats_json(step.normals);
  }
  void operator()(const PiecewiseLinear& step) const {
    item["step"] = "piecewise_linear";
    item["edges"] = floats_json(step.edges);
    item["inverse_widths"] = floats_json(step.inverse_widths);
  }
};

float read_float(const JsonReader& json) {
  if (!json.value().is_number()) json.fail("a number");
  const auto value = static_cast<float>(json.value().get<double>());
  if (!std::isfinite(value)) json.fail("a finite float32");
  return value;
}

std::vector<float> read_floats(const JsonReader& json) {
  std::vector<float> values;
  for (const JsonReader& element : json.elements()) values.push_back(read_float(element));
  return values;
}

template <class T>
bool ascends(const std::vector<T>& values) {
  return std::adjacent_find(values.begin(), values.end(), std::greater_equal<T>()) == values.end();
}

Step read_step(const JsonReader& json) {
  const std::string name = json.at("step").text();
  if (name == "log") return Log{};
  if (name == "standardise") return Standardise{read_float(json.at("mean")), read_float(json.at("scale"))};
  if (name == "quantile_normal") {
    QuantileNormal step{read_floats(json.at("quantiles")), read_floats(json.at("normals"))};
    if (step.quantiles.size() < 2 || !ascends(step.quantiles)) json.at("quantiles").fail("two or more ascending numbers");
    if (step.normals.size() != step.quantiles.size()) json.at("normals").fail("as many numbers as quantiles");
    return step;
  }
  if (name == "piecewise_linear") {
    PiecewiseLinear step{read_floats(json.at("edges")), read_floats(json.at("inverse_widths"))};
    if (step.edges.size() < 2 || !ascends(step.edges)) json.at("edges").fail("two or more ascending numbers");
    if (step.inverse_widths.size() + 1 != step.edges.size()) json.at("inverse_widths").fail("a number for each bin");
    return step;
  }
  json.at("step").fail("log, standardise, quantile_normal or piecewise_linear");
}

DenseFeature read_dense(const JsonReader& json) {
  DenseFeature feature;
  feature.column = json.at("column").text();
  feature.first = json.at("first").integer();
  feature.fill = read_float(json.at("fill"));
  feature.indicator = json.at("indicator").boolean();
  feature.special = read_floats(json.at("special"));
  for (const JsonReader& element : json.at("steps").elements()) {
    if (!feature.steps.empty() && std::holds_alternative<PiecewiseLinear>(feature.steps.back())) {
      element.fail("no step after piecewise_linear");
    }
    feature.steps.push_back(read_step(element));
  }
  return feature;
}

CategoricalFeature read_categorical(const JsonReader& json) {
  CategoricalFeature feature;
  feature.column = json.at("column").text();
  feature.dtype = dtype_from_string(json.at("dtype").text());
  const JsonReader values = json.at("values");
  if (feature.dtype == DType::kString) {
    feature.strings = values.texts();
    if (!ascends(feature.strings) || (!feature.strings.empty() && feature.strings[0].empty())) values.fail("a sorted list of distinct values");
  } else if (feature.dtype == DType::kInt64) {
    feature.integers = values.integers();
    if (!ascends(feature.integers)) values.fail("a sorted list of distinct values");
  } else {
    json.at("dtype").fail("string or int64");
  }
  return feature;
}

nlohmann::ordered_json vocabulary_json(const CategoricalFeature& feature) {
  nlohmann::ordered_json item;
  item["column"] = feature.column;
  item["dtype"] = to_string(feature.dtype);
  if (feature.dtype == DType::kString) item["values"] = feature.strings;
  else item["values"] = feature.integers;
  return item;
}

nlohmann::ordered_json sequence_json(const SequenceFeature& feature) {
  nlohmann::ordered_json item;
  item["column"] = feature.column;
  item["of"] = to_string(feature.of);
  item["max_length"] = feature.max_length;
  item["keep"] = feature.keep_last ? "last" : "first";
  if (feature.of == Kind::kCategorical) item["vocabulary"] = vocabulary_json(feature.vocabulary);
  if (feature.of == Kind::kDense) {
    item["mean"] = readable_double(feature.scale.mean);
    item["scale"] = readable_double(feature.scale.scale);
  }
  return item;
}

SequenceFeature read_sequence(const JsonReader& json) {
  SequenceFeature feature;
  feature.column = json.at("column").text();
  feature.of = kind_from_string(json.at("of").text());
  feature.max_length = json.at("max_length").integer();
  if (feature.max_length < 1 || feature.max_length > kMostElements) json.at("max_length").fail("1 to 65000");
  const std::string keep = json.at("keep").text();
  if (keep != "last" && keep != "first") json.at("keep").fail("last or first");
  feature.keep_last = keep == "last";
  if (feature.of == Kind::kCategorical) feature.vocabulary = read_categorical(json.at("vocabulary"));
  else if (feature.of == Kind::kDense) feature.scale = {read_float(json.at("mean")), read_float(json.at("scale"))};
  else if (feature.of != Kind::kTime) json.at("of").fail("categorical, dense or time");
  return feature;
}

}  // namespace

nlohmann::ordered_json to_json(const FittedFeatures& features) {
  auto dense = nlohmann::ordered_json::array();
  for (const DenseFeature& feature : features.dense) {
    auto steps = nlohmann::ordered_json::array();
    for (const Step& step : feature.steps) {
      nlohmann::ordered_json written;
      std::visit(WriteStep{written}, step);
      steps.push_back(std::move(written));
    }
    nlohmann::ordered_json item;
    item["column"] = feature.column;
    item["first"] = feature.first;
    item["fill"] = readable_double(feature.fill);
    item["indicator"] = feature.indicator;
    item["special"] = floats_json(feature.special);
    item["steps"] = std::move(steps);
    dense.push_back(std::move(item));
  }
  auto categorical = nlohmann::ordered_json::array();
  for (const CategoricalFeature& feature : features.categorical) categorical.push_back(vocabulary_json(feature));
  nlohmann::ordered_json json;
  json["format"] = 1;
  json["dense"] = std::move(dense);
  json["categorical"] = std::move(categorical);
  if (!features.sequences.empty()) {
    auto sequences = nlohmann::ordered_json::array();
    for (const SequenceFeature& feature : features.sequences) sequences.push_back(sequence_json(feature));
    json["sequences"] = std::move(sequences);
    json["hold_out"] = features.hold_out;
  }
  return json;
}

FittedFeatures parse_features(const nlohmann::json& json) {
  const JsonReader root(json, "features");
  if (root.at("format").integer() != 1) root.at("format").fail("format 1; this file was written by a newer version");
  FittedFeatures features;
  for (const JsonReader& element : root.at("dense").elements()) features.dense.push_back(read_dense(element));
  for (const JsonReader& element : root.at("categorical").elements()) features.categorical.push_back(read_categorical(element));
  if (root.has("sequences")) {
    for (const JsonReader& element : root.at("sequences").elements()) features.sequences.push_back(read_sequence(element));
    features.hold_out = root.at("hold_out").integer();
    if (features.hold_out < 0) root.at("hold_out").fail("0 or more");
  }
  return features;
}

FittedFeatures features_from_json(const nlohmann::json& json) {
  FittedFeatures features = parse_features(json);
  int64_t next = 0;
  for (std::size_t i = 0; i < features.dense.size(); ++i) {
    if (features.dense[i].first != next) {
      throw core::damaged_error("features.dense[" + std::to_string(i) + "].first: expected " + std::to_string(next));
    }
    next += features.dense[i].width();
  }
  return features;
}

void place_outputs(FittedFeatures& features) {
  int64_t next = 0;
  for (DenseFeature& feature : features.dense) {
    feature.first = next;
    next += feature.width();
  }
}

}  // namespace cohort::datasets
