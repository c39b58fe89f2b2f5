// The records of a joined table's files: CSV, or Parquet where a file begins as Parquet does.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "datasets/import/csv_scanner.h"
#include "datasets/import/import_options.h"
#include "datasets/import/parquet_source.h"

namespace cohort::datasets {

/// Whether the file begins with the mark of Parquet; false where it can't be read.
bool begins_as_parquet(const std::filesystem::path& file);

/// Reads whole files one after another. Not thread-safe.
class JoinRecords {
 public:
  /// `line`: of the file, or the row in a Parquet file; from 1.
  using Take = std::function<void(const std::vector<CsvField>& fields, int line)>;

  /// The options must outlive it.
  explicit JoinRecords(const JoinOptions& options) : options_(options) {}

  /// Names of a file's columns. Throws Error (usage).
  std::vector<std::string> names(const std::filesystem::path& file);
  /// Every record in order. `names` are the table's columns, `wanted` those of them that are looked at: in a Parquet file the others needn't be
  /// there, and their fields are empty. Throws Error (usage, damaged).
  void read(const std::filesystem::path& file, const std::vector<std::string>& names, const std::vector<std::size_t>& wanted, const Take& take);

 private:
  std::vector<std::string> csv_names(const std::filesystem::path& file) const;
  void read_csv(const std::filesystem::path& file, const Take& take) const;
  void read_parquet(const std::filesystem::path& file, const std::vector<std::string>& names, const std::vector<std::size_t>& wanted, const Take& take);
  const ParquetFile& open_parquet(const std::filesystem::path& file);

  const JoinOptions& options_;
  std::unique_ptr<ParquetSource> parquet_;  ///< once there is such a file
};

}  // namespace cohort::datasets
