#include "datasets/import/raw_table.h"

#include <cmath>

#include "core/error.h"
#include "datasets/store/element.h"

namespace cohort::datasets {
namespace {

void add_code_values(const Column& column, const std::vector<int32_t>& codes, RawTable::Column& result) {
  if (column.dtype == DType::kString) {
    for (int32_t code : codes) result.strings.push_back(code < 0 ? std::string() : column.dictionary.strings[static_cast<std::size_t>(code)]);
  } else {
    for (int32_t code : codes) result.integers.push_back(code < 0 ? kNoInteger : column.dictionary.integers[static_cast<std::size_t>(code)]);
  }
}

RawTable::Column read_codes(const Dataset& dataset, const Column& column, uint64_t first, uint64_t count) {
  RawTable::Column result;
  std::vector<int32_t> codes(count);
  dataset.read(column, first, std::span(codes));
  if (column.kind == Kind::kLabel) {
    for (int32_t code : codes) result.strings.push_back(code < 0 ? std::string() : column.classes[static_cast<std::size_t>(code)]);
  } else {
    add_code_values(column, codes, result);
  }
  return result;
}

template <class T>
RawTable::Column ragged_of(const Dataset& dataset, const Column& column, uint64_t first, uint64_t count, std::vector<T>& values) {
  Ragged<T> all;
  dataset.read(column, first, count, all);
  values = std::move(all.values);
  RawTable::Column result;
  result.ends = std::move(all.ends);
  return result;
}

RawTable::Column read_elements(const Dataset& dataset, const Column& column, uint64_t first, uint64_t count) {
  if (column.of == Kind::kCategorical) {
    std::vector<int32_t> codes;
    RawTable::Column result = ragged_of(dataset, column, first, count, codes);
    add_code_values(column, codes, result);
    return result;
  }
  if (column.of == Kind::kTime) {
    std::vector<int64_t> times;
    RawTable::Column result = ragged_of(dataset, column, first, count, times);
    result.integers = std::move(times);
    return result;
  }
  if (column.dtype == DType::kFloat64) {
    std::vector<double> wide;
    RawTable::Column result = ragged_of(dataset, column, first, count, wide);
    for (const double value : wide) result.floats.push_back(static_cast<float>(value));
    return result;
  }
  std::vector<float> values;
  RawTable::Column result = ragged_of(dataset, column, first, count, values);
  result.floats = std::move(values);
  return result;
}

RawTable::Column read_floats(const Dataset& dataset, const Column& column, uint64_t first, uint64_t count) {
  RawTable::Column result;
  if (column.dtype == DType::kFloat64) {
    std::vector<double> wide(count);
    dataset.read(column, first, std::span(wide));
    result.floats.assign(wide.begin(), wide.end());
    return result;
  }
  result.floats.resize(count);
  dataset.read(column, first, std::span(result.floats));
  if (column.classes.empty()) return result;
  for (float value : result.floats) {
    const bool known = value >= 0 && value < static_cast<float>(column.classes.size());
    result.strings.push_back(known ? column.classes[static_cast<std::size_t>(value)] : std::string());
  }
  result.floats.clear();
  return result;
}

RawTable::Column read_column(const Dataset& dataset, const Column& column, uint64_t first, uint64_t count) {
  if (column.kind == Kind::kSequence) return read_elements(dataset, column, first, count);
  if (is_ragged(column)) {
    RawTable::Column result;
    dataset.read(column, first, result.strings, count);
    return result;
  }
  switch (element_of(column)) {
    case Element::kInt32: return read_codes(dataset, column, first, count);
    case Element::kInt64:
    case Element::kUInt64: {
      RawTable::Column result;
      result.integers.resize(count);
      dataset.read(column, first, std::span(result.integers));
      return result;
    }
    default: return read_floats(dataset, column, first, count);
  }
}

}  // namespace

RawTable read_raw(const Dataset& dataset, const std::vector<std::string>& columns, uint64_t first, uint64_t count) {
  RawTable table;
  table.rows = count;
  for (const std::string& name : columns) {
    table.columns.push_back(read_column(dataset, dataset.schema().at(name), first, count));
    table.columns.back().name = name;
  }
  return table;
}

}  // namespace cohort::datasets
