// Rows of Parquet files as the records of text that an import takes from any format.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/import/csv_scanner.h"
#include "datasets/import/parquet_source.h"

namespace cohort::datasets {

/// Not thread-safe: one a worker.
class ParquetRecords {
 public:
  /// Between the elements of a list: a column's plan cuts at it. No text should hold it.
  static constexpr std::string_view kSeparator = "\x1F";

  /// The columns that batches hold, in that order.
  explicit ParquetRecords(std::vector<ParquetColumn> columns);

  /// Row `row` of the batch: each field as cell_text gives it, the elements of lists with kSeparator between them. Numbers come back exactly, NUL
  /// bytes and what isn't UTF-8 as it is. Valid until the next call, and as long as the batch; `start` of a field is null, for it stands in no text.
  std::span<const CsvField> record(const ParquetBatch& batch, std::size_t row);

 private:
  std::string_view list_text(const ParquetColumn& column, const ParquetValues& values, std::size_t row, std::string& scratch);

  std::vector<ParquetColumn> columns_;
  std::vector<std::string> scratch_;  ///< by column
  std::string element_;
  std::vector<CsvField> fields_;
};

}  // namespace cohort::datasets
