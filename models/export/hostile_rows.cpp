#include <cmath>
#include <limits>

#include "core/philox.h"
#include "models/export/parity.h"

namespace cohort::models {
namespace {

/// Draws one after another from a keyed stream.
class Draws {
 public:
  Draws(uint64_t seed, uint32_t column) : random_(seed, "hostile rows", column) {}
  bool one_in(uint64_t n) { return random_.below(next_++, n) == 0; }
  template <class T>
  const T& of(const std::vector<T>& values) {
    return values[random_.below(next_++, values.size())];
  }

 private:
  core::KeyedRandom random_;
  uint64_t next_ = 0;
};

std::vector<float> awkward_numbers(const datasets::DenseFeature& feature) {
  using Limits = std::numeric_limits<float>;
  std::vector<float> values = {Limits::quiet_NaN(),
                               0.0f,
                               -0.0f,
                               1.0f,
                               -1.0f,
                               Limits::min(),
                               -Limits::min(),
                               Limits::denorm_min(),
                               feature.fill,
                               std::nextafter(feature.fill, Limits::infinity())};
  const auto add_edges = [&](const std::vector<float>& edges) {
    for (const float edge : edges)
      for (const float value : {edge, std::nextafter(edge, Limits::infinity()), std::nextafter(edge, -Limits::infinity())})
        values.push_back(value);
  };
  add_edges(feature.special);
  if (!feature.steps.empty()) {
    if (const auto* step = std::get_if<datasets::QuantileNormal>(&feature.steps[0])) add_edges(step->quantiles);
    if (const auto* step = std::get_if<datasets::PiecewiseLinear>(&feature.steps[0])) add_edges(step->edges);
  }
  return values;
}

const std::vector<float>& huge_numbers() {
  using Limits = std::numeric_limits<float>;
  static const std::vector<float> values = {
      Limits::infinity(), -Limits::infinity(), Limits::max(), Limits::lowest(), 1e30f, -1e30f, 1e12f, -1e12f};
  return values;
}

std::vector<std::string> awkward_strings(const datasets::CategoricalFeature& feature) {
  std::vector<std::string> values = {"",         " ",           "unseen",
                                     "NaN",      "nan",         "NULL",
                                     "0",        "-1",          "\"quoted\"",
                                     "a,b;c\td", "line\nbreak", "Ünïcödé",
                                     "漢字",     "🙂",        std::string(10000, 'x')};
  for (const std::string& known : feature.strings) {
    values.push_back(known);
    values.push_back(known + " ");
    values.push_back(" " + known);
  }
  return values;
}

std::vector<int64_t> awkward_integers(const datasets::CategoricalFeature& feature) {
  using Limits = std::numeric_limits<int64_t>;
  std::vector<int64_t> values = {datasets::kMissingInteger, Limits::min() + 1, Limits::max(), 0, -1, 1, int64_t{1} << 53, int64_t{1} << 32};
  for (const int64_t known : feature.integers) {
    values.push_back(known);
    values.push_back(known == Limits::max() ? known - 1 : known + 1);
  }
  return values;
}

/// A copy of the real column, repeated or cut to `rows`; `otherwise` where there are no real rows.
template <class T>
std::vector<T> repeated(const std::vector<T>& real, int64_t rows, const T& otherwise) {
  std::vector<T> values;
  for (std::size_t i = 0; i < static_cast<std::size_t>(rows); ++i) values.push_back(real.empty() ? otherwise : real[i % real.size()]);
  return values;
}

template <class T>
void mix(std::vector<T>& values, const std::vector<T>& awkward, Draws& draws) {
  for (T& value : values)
    if (draws.one_in(3)) value = draws.of(awkward);
}

const RawTable::Column* find(const RawTable& table, const std::string& name) {
  for (const RawTable::Column& column : table.columns)
    if (column.name == name) return &column;
  return nullptr;
}

/// One huge number in one row of eight.
void add_huge_numbers(RawTable& table, uint64_t seed) {
  std::vector<RawTable::Column*> dense;
  for (RawTable::Column& column : table.columns)
    if (!column.floats.empty()) dense.push_back(&column);
  if (dense.empty()) return;
  Draws draws(seed, std::numeric_limits<uint32_t>::max());
  for (std::size_t row = 0; row < static_cast<std::size_t>(table.rows); row += 8) draws.of(dense)->floats[row] = draws.of(huge_numbers());
}

}  // namespace

RawTable hostile_rows(const datasets::FittedFeatures& features, const RawTable& real, int64_t rows, uint64_t seed) {
  RawTable table;
  table.rows = static_cast<uint64_t>(rows);
  const auto start = [&](const std::string& name) -> RawTable::Column* {
    if (find(table, name) != nullptr) return nullptr;
    return &table.columns.emplace_back(RawTable::Column{name, {}, {}, {}});
  };
  uint32_t number = 0;
  for (const datasets::DenseFeature& feature : features.dense) {
    Draws draws(seed, number++);
    RawTable::Column* column = start(feature.column);
    if (column == nullptr) continue;
    const RawTable::Column* known = find(real, feature.column);
    column->floats = repeated(known ? known->floats : std::vector<float>{}, rows, feature.fill);
    mix(column->floats, awkward_numbers(feature), draws);
  }
  for (const datasets::CategoricalFeature& feature : features.categorical) {
    Draws draws(seed, number++);
    RawTable::Column* column = start(feature.column);
    if (column == nullptr) continue;
    const RawTable::Column* known = find(real, feature.column);
    if (feature.dtype == datasets::DType::kString) {
      column->strings = repeated(known ? known->strings : std::vector<std::string>{}, rows, std::string());
      mix(column->strings, awkward_strings(feature), draws);
    } else {
      column->integers = repeated(known ? known->integers : std::vector<int64_t>{}, rows, datasets::kMissingInteger);
      mix(column->integers, awkward_integers(feature), draws);
    }
  }
  add_huge_numbers(table, seed);
  return table;
}

}  // namespace cohort::models
