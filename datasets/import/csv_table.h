// CSV files read for prediction: the columns that a net needs, in raw values, by the rules of the import that made its dataset.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "datasets/import/csv_format.h"
#include "datasets/import/raw_table.h"
#include "datasets/schema.h"

namespace cohort::datasets {

/// Walks over a CSV file (plain, gz, zst) with a header. Columns are found by name, whatever their order; others are ignored, so
/// a label need not be there. A column that the import renamed is found by either name.
class CsvTableReader {
 public:
  /// `format` absent: the delimiter is taken from the header, text is UTF-8. Throws Error (usage): no such file, a needed column that
  /// the header doesn't name.
  CsvTableReader(const std::filesystem::path& file, const Schema& schema, const std::vector<std::string>& columns,
                 std::optional<CsvFormat> format = {});
  ~CsvTableReader();

  /// The next rows, in blocks of the reader's choice. False at the end. Throws Error (usage) at file:line:column for a value that
  /// can't be read.
  bool next(RawTable& table);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The whole file at once.
RawTable read_csv_table(const std::filesystem::path& file, const Schema& schema, const std::vector<std::string>& columns,
                        std::optional<CsvFormat> format = {});

}  // namespace cohort::datasets
