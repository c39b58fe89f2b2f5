#include "datasets/import/entity_columns.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "core/error.h"
#include "datasets/store/element.h"

namespace cohort::datasets {
namespace {

template <class T>
void add_elements(const std::vector<T>& from, std::span<const uint32_t> rows, std::vector<T>& to, std::vector<int64_t>& ends) {
  for (const uint32_t row : rows) to.push_back(from[row]);
  ends.push_back(static_cast<int64_t>(to.size()));
}

/// The bytes of one row's value.
std::string_view value_bytes(const Column& column, const ColumnBlock& block, std::size_t row) {
  const std::size_t size = size_of(element_of(column));
  std::size_t begin = row, end = row + 1;
  if (is_ragged(column)) {
    begin = row == 0 ? 0 : static_cast<std::size_t>(block.ends[row - 1]);
    end = static_cast<std::size_t>(block.ends[row]);
  }
  const std::span<const std::byte> values = values_of(column, block);
  return {reinterpret_cast<const char*>(values.data()) + begin * size, (end - begin) * size};
}

bool is_missing(const Column& column, const ColumnBlock& block, std::size_t row) {
  if (is_ragged(column)) return value_bytes(column, block, row).empty();
  if (has_dictionary(column)) return block.ints[row] < 0;
  if (column.kind == Kind::kTime) return block.longs[row] == kNoInteger;
  if (column.kind != Kind::kDense) return false;
  return column.dtype == DType::kFloat64 ? std::isnan(block.doubles[row]) : std::isnan(block.floats[row]);
}

}  // namespace

Column entity_column(const Column& source, const std::string& kind) {
  Column column = source;
  if (kind == "id") {
    column.kind = Kind::kId;
    column.dictionary = {};
  }
  return column;
}

void add_entity(const Column& source, const Column& column, int32_t code, ColumnBlock& to) {
  if (column.kind == Kind::kCategorical) {
    to.ints.push_back(code);
  } else if (column.dtype == DType::kString) {
    to.add_text(source.dictionary.strings[static_cast<std::size_t>(code)]);
  } else {
    to.longs.push_back(source.dictionary.integers[static_cast<std::size_t>(code)]);
  }
}

std::string sequence_problem_of(const Column& source) {
  if (source.kind == Kind::kDense || source.kind == Kind::kCategorical || source.kind == Kind::kTime) return {};
  return "a column of kind " + to_string(source.kind) + " can't become a sequence";
}

Column sequence_column(const Column& source) {
  Column column = source;
  column.of = source.kind;
  column.kind = Kind::kSequence;
  return column;
}

void add_sequence(const Column& source, const ColumnBlock& from, std::span<const uint32_t> rows, ColumnBlock& to) {
  switch (element_of(source)) {
    case Element::kFloat32: return add_elements(from.floats, rows, to.floats, to.ends);
    case Element::kFloat64: return add_elements(from.doubles, rows, to.doubles, to.ends);
    case Element::kInt32: return add_elements(from.ints, rows, to.ints, to.ends);
    case Element::kInt64: return add_elements(from.longs, rows, to.longs, to.ends);
    default: throw core::failed_error("a column of kind " + to_string(source.kind) + " was to become a sequence");
  }
}

bool add_profile(const Column& source, const ColumnBlock& from, std::span<const uint32_t> rows, ColumnBlock& to) {
  const auto has_value = [&](uint32_t row) { return !is_missing(source, from, row); };
  auto first = std::find_if(rows.begin(), rows.end(), has_value);
  if (first == rows.end()) first = rows.begin();
  append_rows(source, to, from, *first, 1);
  const std::string_view value = value_bytes(source, from, *first);
  return std::any_of(first, rows.end(), [&](uint32_t row) { return has_value(row) && value_bytes(source, from, row) != value; });
}

}  // namespace cohort::datasets
