#include "datasets/store/row_block.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "datasets/store/element.h"

namespace cohort::datasets {
namespace {

std::size_t values_in(const Column& column, const ColumnBlock& block) { return values_of(column, block).size() / size_of(element_of(column)); }

template <class Values>
std::span<const std::byte> bytes_of_values(const Values& values) {
  return std::as_bytes(std::span(values.data(), values.size()));
}

template <class Values>
std::span<std::byte> resized(Values& values, std::size_t count) {
  values.resize(count);
  return std::as_writable_bytes(std::span(values.data(), values.size()));
}

}  // namespace

std::span<const std::byte> values_of(const Column& column, const ColumnBlock& block) {
  switch (element_of(column)) {
    case Element::kFloat32: return bytes_of_values(block.floats);
    case Element::kFloat64: return bytes_of_values(block.doubles);
    case Element::kInt32: return bytes_of_values(block.ints);
    case Element::kUInt8: return bytes_of_values(block.text);
    default: return bytes_of_values(block.longs);
  }
}

std::span<std::byte> resize_values(const Column& column, ColumnBlock& block, std::size_t count) {
  switch (element_of(column)) {
    case Element::kFloat32: return resized(block.floats, count);
    case Element::kFloat64: return resized(block.doubles, count);
    case Element::kInt32: return resized(block.ints, count);
    case Element::kUInt8: return resized(block.text, count);
    default: return resized(block.longs, count);
  }
}

std::size_t rows_in(const Column& column, const ColumnBlock& block) {
  return is_ragged(column) ? block.ends.size() : values_in(column, block);
}

uint64_t missing_in(const Column& column, const ColumnBlock& block) {
  const auto count = [](const auto& values, auto is_missing) {
    return static_cast<uint64_t>(std::count_if(values.begin(), values.end(), is_missing));
  };
  if (is_ragged(column)) return count(block.ends, [begin = int64_t{0}](int64_t end) mutable { return std::exchange(begin, end) == end; });
  if (has_dictionary(column)) return count(block.ints, [](int32_t code) { return code < 0; });
  if (column.kind == Kind::kTime) return count(block.longs, [](int64_t time) { return time == kNoInteger; });
  if (column.kind != Kind::kDense) return 0;
  if (column.dtype == DType::kFloat64) return count(block.doubles, [](double value) { return std::isnan(value); });
  return count(block.floats, [](float value) { return std::isnan(value); });
}

void truncate(const Column& column, ColumnBlock& block, std::size_t rows) {
  if (rows_in(column, block) <= rows && !is_ragged(column)) return;
  std::size_t values = rows;
  if (is_ragged(column)) {
    if (block.ends.size() > rows) block.ends.resize(rows);
    values = rows == 0 ? 0 : static_cast<std::size_t>(block.ends[std::min(rows, block.ends.size()) - 1]);
  }
  resize_values(column, block, values);
}

void append_rows(const Column& column, ColumnBlock& to, const ColumnBlock& from, std::size_t first, std::size_t count) {
  const std::size_t size = size_of(element_of(column));
  const std::size_t before = values_in(column, to);
  std::size_t begin = first, end = first + count;
  if (is_ragged(column)) {
    begin = first == 0 ? 0 : static_cast<std::size_t>(from.ends[first - 1]);
    end = count == 0 ? begin : static_cast<std::size_t>(from.ends[first + count - 1]);
    const int64_t shift = static_cast<int64_t>(before) - static_cast<int64_t>(begin);
    for (std::size_t i = first; i < first + count; ++i) to.ends.push_back(from.ends[i] + shift);
  }
  if (begin == end) return;
  const std::span<std::byte> target = resize_values(column, to, before + end - begin);
  std::memcpy(target.data() + before * size, values_of(column, from).data() + begin * size, (end - begin) * size);
}

void check_block(const Schema& schema, const RowBlock& block) {
  if (block.columns.size() != schema.columns.size()) {
    throw core::failed_error("a block of rows has another number of columns than the schema");
  }
  for (std::size_t c = 0; c < block.columns.size(); ++c) {
    const Column& column = schema.columns[c];
    const ColumnBlock& values = block.columns[c];
    bool fits = rows_in(column, values) == block.row.size();
    if (fits && is_ragged(column)) {
      const int64_t last = values.ends.empty() ? 0 : values.ends.back();
      fits = std::is_sorted(values.ends.begin(), values.ends.end()) && (values.ends.empty() || values.ends.front() >= 0) &&
             last == static_cast<int64_t>(values_in(column, values));
    }
    if (!fits) throw core::failed_error("a block of rows holds another number of values in column \"" + column.name + "\"");
  }
}

}  // namespace cohort::datasets
