#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "core/portable_math.h"
#include "datasets/features/features.h"

namespace cohort::datasets {
namespace {

float apply_log(float x) {
  const float size = std::abs(x);
  // In double and rounded: the exported graph's own logarithm is within one unit in the last place of it.
  const auto log = static_cast<float>(core::portable_log(static_cast<double>(1.0f + size)));
  const float sign = x > 0 ? 1.0f : x < 0 ? -1.0f : 0.0f;
  return sign * log;
}

float apply_standardise(const Standardise& step, float x) {
  return std::min(std::max((x - step.mean) * step.scale, -kFarthest), kFarthest);
}

float apply_quantile_normal(const QuantileNormal& step, float x) {
  const std::vector<float>& q = step.quantiles;
  const float u = std::min(std::max(x, q.front()), q.back());
  const auto not_above = std::upper_bound(q.begin(), q.end(), u) - q.begin();
  const auto k = static_cast<std::size_t>(std::min<std::ptrdiff_t>(not_above - 1, static_cast<std::ptrdiff_t>(q.size()) - 2));
  const float t = (u - q[k]) / (q[k + 1] - q[k]);
  return step.normals[k] + t * (step.normals[k + 1] - step.normals[k]);
}

void apply_bins(const PiecewiseLinear& step, float x, float* out) {
  for (std::size_t t = 0; t < step.inverse_widths.size(); ++t) {
    out[t] = std::min(std::max((x - step.edges[t]) * step.inverse_widths[t], 0.0f), 1.0f);
  }
}

struct InPlace {
  std::span<float> values;

  void operator()(const Log&) const {
    for (float& x : values) x = apply_log(x);
  }
  void operator()(const Standardise& step) const {
    for (float& x : values) x = apply_standardise(step, x);
  }
  void operator()(const QuantileNormal& step) const {
    for (float& x : values) x = apply_quantile_normal(step, x);
  }
  void operator()(const PiecewiseLinear&) const {}
};

/// The value, filled and clamped; its indicators go to out.
float prepare(const DenseFeature& feature, float x, float* out) {
  const bool missing = std::isnan(x);
  bool no_number = missing;
  if (feature.indicator) *out++ = missing ? 1.0f : 0.0f;
  for (const float code : feature.special) {
    const bool is_code = x == code;
    *out++ = is_code ? 1.0f : 0.0f;
    no_number |= is_code;
  }
  const float v = no_number ? feature.fill : x;
  return std::min(std::max(v, -kLargest), kLargest);
}

}  // namespace

int64_t DenseFeature::value_width() const {
  if (steps.empty()) return 1;
  const auto* bins = std::get_if<PiecewiseLinear>(&steps.back());
  return bins == nullptr ? 1 : static_cast<int64_t>(bins->inverse_widths.size());
}

int64_t DenseFeature::width() const { return value_width() + (indicator ? 1 : 0) + static_cast<int64_t>(special.size()); }

int64_t FittedFeatures::dense_width() const {
  int64_t width = 0;
  for (const DenseFeature& feature : dense) width += feature.width();
  return width;
}

std::vector<std::string> FittedFeatures::columns() const {
  std::vector<std::string> names;
  auto add = [&](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const DenseFeature& feature : dense) add(feature.column);
  for (const CategoricalFeature& feature : categorical) add(feature.column);
  return names;
}

std::vector<std::string> FittedFeatures::raw_columns() const {
  std::vector<std::string> names = columns();
  for (const SequenceFeature& feature : sequences) {
    if (std::find(names.begin(), names.end(), feature.column) == names.end()) names.push_back(feature.column);
  }
  return names;
}

void apply_step(const Step& step, std::span<float> values) { std::visit(InPlace{values}, step); }

void apply(const DenseFeature& feature, std::span<const float> values, float* out, int64_t stride) {
  // Step by step over a block that stays in the first-level cache.
  constexpr std::size_t kBlock = 1024;
  std::array<float, kBlock> buffer;
  const int64_t value_width = feature.value_width();
  const PiecewiseLinear* bins = feature.steps.empty() ? nullptr : std::get_if<PiecewiseLinear>(&feature.steps.back());
  for (std::size_t first = 0; first < values.size(); first += kBlock) {
    const std::size_t count = std::min(kBlock, values.size() - first);
    float* const rows = out + static_cast<int64_t>(first) * stride + feature.first;
    const std::span<float> block(buffer.data(), count);
    for (std::size_t i = 0; i < count; ++i) {
      block[i] = prepare(feature, values[first + i], rows + static_cast<int64_t>(i) * stride + value_width);
    }
    for (const Step& step : feature.steps) apply_step(step, block);
    for (std::size_t i = 0; i < count; ++i) {
      float* const row = rows + static_cast<int64_t>(i) * stride;
      if (bins != nullptr) apply_bins(*bins, block[i], row);
      else *row = block[i];
    }
  }
}

void apply_elements(const SequenceFeature& feature, std::span<float> values) {
  for (float& x : values) {
    const float clamped = std::min(std::max(x, -kLargest), kLargest);
    x = std::isnan(x) ? 0.0f : apply_standardise(feature.scale, clamped);
  }
}

int32_t index_of(const CategoricalFeature& feature, const std::string& value) {
  if (value.empty()) return kMissingIndex;
  const auto found = std::lower_bound(feature.strings.begin(), feature.strings.end(), value);
  if (found == feature.strings.end() || *found != value) return kUnknownIndex;
  return kFirstIndex + static_cast<int32_t>(found - feature.strings.begin());
}

int32_t index_of(const CategoricalFeature& feature, int64_t value) {
  if (value == kMissingInteger) return kMissingIndex;
  const auto found = std::lower_bound(feature.integers.begin(), feature.integers.end(), value);
  if (found == feature.integers.end() || *found != value) return kUnknownIndex;
  return kFirstIndex + static_cast<int32_t>(found - feature.integers.begin());
}

std::vector<int32_t> code_table(const CategoricalFeature& feature, const Dictionary& dictionary) {
  std::vector<int32_t> table;
  table.reserve(dictionary.size());
  if (feature.dtype == DType::kString) {
    for (const std::string& value : dictionary.strings) table.push_back(index_of(feature, value));
  } else {
    for (const int64_t value : dictionary.integers) table.push_back(index_of(feature, value));
  }
  return table;
}

}  // namespace cohort::datasets
