// Blocks of typed rows on their way into a dataset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/schema.h"

namespace cohort::datasets {

/// Values of one column for a block of rows. Which vector is used follows the column's element type (element_of); where values vary in
/// length (is_ragged), `ends` says where those of each row end, counted from the block's start.
struct ColumnBlock {
  std::vector<float> floats;
  std::vector<double> doubles;
  std::vector<int32_t> ints;  ///< codes of a dictionary, label classes
  std::vector<int64_t> longs;
  std::string text;           ///< bytes of texts and of ids that are strings
  std::vector<int64_t> ends;

  /// One more row of text.
  void add_text(std::string_view value) {
    text += value;
    ends.push_back(static_cast<int64_t>(text.size()));
  }
};

/// A block of rows, columns in schema order.
struct RowBlock {
  std::vector<uint64_t> row;  ///< position over the inputs
  std::vector<ColumnBlock> columns;
};

/// Rows that the block holds of a column.
std::size_t rows_in(const Column& column, const ColumnBlock& block);
/// All values of a column as they are stored.
std::span<const std::byte> values_of(const Column& column, const ColumnBlock& block);
/// Rows without a value: NaN, code −1, the empty text, a time of INT64_MIN; a sequence without elements.
uint64_t missing_in(const Column& column, const ColumnBlock& block);
/// Resizes the vector in use to `count` values and gives its bytes.
std::span<std::byte> resize_values(const Column& column, ColumnBlock& block, std::size_t count);
/// Forgets the rows from `rows` on.
void truncate(const Column& column, ColumnBlock& block, std::size_t rows);
/// Appends rows [first, first + count) of another block.
void append_rows(const Column& column, ColumnBlock& to, const ColumnBlock& from, std::size_t first, std::size_t count);

/// Throws Error (failed) unless every column of the block holds as many rows as there are row numbers, its `ends` in order.
void check_block(const Schema& schema, const RowBlock& block);

}  // namespace cohort::datasets
