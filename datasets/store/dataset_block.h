// Rows of a dataset as blocks, whatever the kinds of its columns.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "datasets/store/content_sum.h"
#include "datasets/store/dataset.h"
#include "datasets/store/row_block.h"

namespace cohort::datasets {

/// Rows [first, first + count) of one column, in place of what the block held. Throws Error (damaged).
void read_column_block(const Dataset& dataset, const Column& column, uint64_t first, uint64_t count, ColumnBlock& block);
/// The same of all columns and the row numbers.
void read_rows(const Dataset& dataset, uint64_t first, uint64_t count, RowBlock& block);

/// The content sum of rows [first, first + count) of a column; of the row numbers where `column` is null. Memory as of one chunk of rows.
ContentSum sum_of_rows(const Dataset& dataset, const Column* column, uint64_t first, uint64_t count);

/// One dataset read by several threads: each borrows an opened one, which is opened where none is free. Thread-safe.
class DatasetReaders {
 public:
  explicit DatasetReaders(std::filesystem::path folder) : folder_(std::move(folder)) {}
  /// Throws Error as Dataset::open does, and what `use` throws.
  void with(const std::function<void(const Dataset&)>& use);

 private:
  std::filesystem::path folder_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Dataset>> free_;
};

}  // namespace cohort::datasets
