// CSV files read for prediction: the columns that a net needs, in raw values, by the rules of the import that made its dataset.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "datasets/import/raw_rules.h"
#include "datasets/import/raw_table.h"
#include "datasets/schema.h"

namespace cohort::datasets {

/// Walks over a CSV file (plain, gz, zst). Columns are found by their names in the header, in the input's words or the dataset's, whatever their
/// order; others are ignored, so a label need not be there. A file without a header is read where the import's files had none, or named their
/// columns in csv.names. The delimiter is the import's, or what the first records show where the header isn't cut right by it.
///
/// Every value is what the dataset would hold: the import's own code reads it. Not thread-safe.
class CsvTableReader {
 public:
  /// `key_file`: of the pseudonyms, "" for none. The key isn't kept longer than the reader. Throws Error (usage): no such file, a needed column that the
  /// file doesn't have, rows that no CSV file has (rules.row_a_record), a column of pseudonyms without a key or with another one.
  CsvTableReader(const std::filesystem::path& file, const RawRules& rules, const std::vector<std::string>& columns,
                 const std::filesystem::path& key_file = {});
  ~CsvTableReader();

  /// The next rows, in blocks of the reader's choice. False at the end. Throws Error (usage) at file:line:column for a value that
  /// can't be read, unless the import's on_error says otherwise.
  bool next(RawTable& table);
  /// The numbers of the rows that next() gave: their places among the file's records, from 0. on_error = "drop" leaves records out.
  const std::vector<uint64_t>& numbers() const;
  /// By reason, so far: values taken for missing, records left out.
  const std::map<std::string, uint64_t>& unreadable() const;
  const std::map<std::string, uint64_t>& dropped() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The whole file at once.
RawTable read_csv_table(const std::filesystem::path& file, const RawRules& rules, const std::vector<std::string>& columns,
                        const std::filesystem::path& key_file = {});
/// By what a schema alone shows.
RawTable read_csv_table(const std::filesystem::path& file, const Schema& schema, const std::vector<std::string>& columns);

}  // namespace cohort::datasets
