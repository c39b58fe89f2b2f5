// The options of an import: the file `import.toml`.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/options.h"
#include "datasets/import/csv_format.h"
#include "datasets/privacy/generalise.h"
#include "datasets/privacy/privacy_options.h"
#include "datasets/store/dataset_build.h"
#include "datasets/text/tokenizer_options.h"

namespace cohort::datasets {

/// The `[csv]` table.
struct CsvOptions {
  std::string delimiter = ",";
  std::string quote = "\"";
  bool header = true;
  std::string encoding = "utf-8";  ///< utf-8, iso-8859-1
  std::vector<std::string> names;  ///< of the columns: for files without a header, or instead of it
  std::string cut = "every";       ///< every delimiter; first, last: once, so that the others are text
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
  std::string from;                  ///< the input's column, where several are made of one; empty: NAME
  std::optional<TokenizerOptions> tokenizer;  ///< sequence: the elements are the tokens of a text
  std::string available_at;          ///< when the values become known: a time, or a time column's name in the dataset; for the checks before training
  std::string of;                    ///< sequence: what its elements are: categorical, dense, time
  std::string separator;             ///< sequence: between two elements of a field
  int64_t max_length = 0;            ///< sequence: the last so many elements are kept; 0: all
  std::vector<double> sentinels;     ///< dense: numbers that stand for a missing value
  std::optional<double> clip_min, clip_max;  ///< dense: values beyond are set to them
  std::vector<double> clip_quantiles;        ///< dense: the same, at two quantiles of the column
  int64_t min_count = 1;             ///< categorical values seen less often are rare
  std::string rare_value;            ///< what a rare value becomes; empty: missing
  std::string pseudonym;             ///< the domain under which values are replaced by pseudonyms; empty: they aren't
  std::optional<GeneraliseOptions> generalise;
  std::vector<std::string> allow;    ///< personal data that may be stored as it is: words of personal_kinds()
  static void describe(core::Describe<ColumnOptions>& d);
};

/// An `[[inputs]]` table.
struct InputOptions {
  std::string part = "data";
  std::vector<std::string> files;  ///< relative to the options' file
  std::optional<bool> header;      ///< where it differs from csv.header
  static void describe(core::Describe<InputOptions>& d);
};

/// A `[[join]]` table: a left join of another file's columns by a key.
struct JoinOptions {
  std::vector<std::string> files;  ///< relative to the options' file
  std::string on;                  ///< the key's column in the inputs
  std::string key;                 ///< the key's column in these files; empty: as `on`
  std::vector<std::string> columns;  ///< to be taken; empty: all but the key
  std::string prefix;              ///< before the names of the joined columns
  std::string unmatched = "missing";   ///< missing, drop, fail: rows whose key isn't there
  std::string duplicates = "fail";     ///< first, last, fail: keys that stand there more than once
  CsvOptions csv;
  static void describe(core::Describe<JoinOptions>& d);
};

/// The `[store]` table.
struct StoreSettings {
  int64_t rows_per_shard = 0;  ///< 0: chosen from the data, see StoreOptions
  int64_t chunk_rows = 0;
  std::string filter = "auto";
  static void describe(core::Describe<StoreSettings>& d);
};

struct ImportOptions {
  CsvOptions csv;
  std::map<std::string, ColumnOptions> columns;
  std::vector<std::string> drop;
  std::string default_kind;          ///< of columns that `columns` doesn't name; empty: each must be named or dropped
  std::vector<std::string> missing;  ///< markers for all columns
  std::string on_error = "fail";     ///< fail, drop, missing
  std::string duplicates = "keep";   ///< keep, count, drop, fail: records that equal an earlier one in all columns that are imported
  std::vector<JoinOptions> join;
  std::vector<InputOptions> inputs;
  PrivacyOptions privacy;
  StoreSettings store;
  static void describe(core::Describe<ImportOptions>& d);
};

/// "" and the words for kinds of columns that an import makes.
const std::vector<std::string>& imported_kinds();
/// Declares the fields of ImportOptions for a struct that extends it with defaults or options of its own. `text`: the files are CSV.
template <class Options>
void describe_import_options(core::Describe<Options>& d, bool text = true) {
  const auto at = []<class Member>(Member ImportOptions::* member) { return static_cast<Member Options::*>(member); };
  d.field("default_kind", at(&ImportOptions::default_kind), "kind of the columns that `columns` doesn't name").one_of(imported_kinds());
  d.field("drop", at(&ImportOptions::drop), "columns that are left out").unique();
  d.field("missing", at(&ImportOptions::missing), "texts that stand for a missing value in any column").unique();
  d.field("on_error", at(&ImportOptions::on_error),
          "a value that can't be read: fail ends the import, drop leaves the row out, missing takes it for missing")
      .one_of({"fail", "drop", "missing"});
  d.field("duplicates", at(&ImportOptions::duplicates),
          "records that equal an earlier one in all imported columns: keep (not looked for), count, drop, or fail ends the import")
      .one_of({"keep", "count", "drop", "fail"});
  if (text) d.table("csv", at(&ImportOptions::csv), "how the files are written");
  d.named_tables("columns", at(&ImportOptions::columns), "the columns, by their names in the input");
  d.tables("join", at(&ImportOptions::join), "tables joined to the rows by a key");
  d.tables("inputs", at(&ImportOptions::inputs), "input files by part, where the command line names none");
  d.table("privacy", at(&ImportOptions::privacy), "pseudonyms, values of few persons, and the scan for personal data");
  d.table("store", at(&ImportOptions::store), "how the dataset is written");
}

CsvFormat csv_format(const CsvOptions& options);
StoreOptions store_options(const StoreSettings& settings);

}  // namespace cohort::datasets
