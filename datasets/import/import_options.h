// The options of an import: the file `import.toml`.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/options.h"
#include "datasets/import/csv_format.h"
#include "datasets/store/dataset_writer.h"

namespace cohort::datasets {

/// The `[csv]` table.
struct CsvOptions {
  std::string delimiter = ",";
  std::string quote = "\"";
  bool header = true;
  std::string encoding = "utf-8";  ///< utf-8, iso-8859-1
  std::vector<std::string> names;  ///< of the columns: for files without a header, or instead of it
  static void describe(core::Describe<CsvOptions>& d);
};

/// A `[columns.NAME]` table; NAME is the column's name in the input and may be "".
struct ColumnOptions {
  std::string kind;                  ///< empty: default_kind
  std::string dtype;                 ///< empty: float32 for numbers, string for categories and ids
  std::vector<std::string> missing;  ///< besides the file's markers
  std::vector<std::string> values;   ///< label: the raw values of classes 0, 1, …; empty for regression
  std::string format;                ///< time: see TimeFormat
  std::string rename;
  static void describe(core::Describe<ColumnOptions>& d);
};

/// An `[[inputs]]` table.
struct InputOptions {
  std::string part = "data";
  std::vector<std::string> files;  ///< relative to the options' file
  std::optional<bool> header;      ///< where it differs from csv.header
  static void describe(core::Describe<InputOptions>& d);
};

/// The `[store]` table.
struct StoreSettings {
  int64_t rows_per_shard = 1'000'000;
  int64_t chunk_rows = 16384;
  std::string filter = "deflate";
  static void describe(core::Describe<StoreSettings>& d);
};

struct ImportOptions {
  CsvOptions csv;
  std::map<std::string, ColumnOptions> columns;
  std::vector<std::string> drop;
  std::string default_kind;          ///< of columns that `columns` doesn't name; empty: each must be named or dropped
  std::vector<std::string> missing;  ///< markers for all columns
  std::string on_error = "fail";     ///< fail, drop, missing
  std::vector<InputOptions> inputs;
  StoreSettings store;
  static void describe(core::Describe<ImportOptions>& d);
};

CsvFormat csv_format(const CsvOptions& options);

}  // namespace cohort::datasets
