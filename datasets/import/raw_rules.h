// What an import did to raw values, kept with what was learned from them: so that a file is read for prediction as the dataset was.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "datasets/import/import_options.h"
#include "datasets/store/dataset.h"

namespace cohort::datasets {

/// How raw values of some columns become what a dataset holds of them. No key is part of it, and nothing that the dataset doesn't hold.
struct RawRules {
  std::string format;        ///< of the import; "" where none made the dataset
  bool row_a_record = true;  ///< false: rows are made of several records, or of files that are no CSV, and a CSV file has no such values
  bool joined = false;       ///< some columns may come from joined tables
  CsvOptions csv;
  std::string on_error = "fail";
  std::string key_id;        ///< of the key that made the pseudonyms; "" where there are none
  /// By their names in the input. Kinds and types are the dataset's, quantiles are the bounds that they were, a `rename` gives the dataset's name.
  std::map<std::string, ColumnOptions> columns;
  /// By their names in the dataset: the values of columns from which the import left values out (rare ones, those of few persons, tokens outside a
  /// vocabulary). Any other value is treated as those were.
  std::map<std::string, Dictionary> kept;
};

/// The rules by which a dataset's `columns` were imported. Throws Error: usage for a column that isn't there, damaged for a manifest that is none of an import.
RawRules raw_rules(const Dataset& dataset, const std::vector<std::string>& columns);
/// Those that a schema alone shows: kinds, types, markers, formats, names in the input.
RawRules raw_rules(const Schema& schema, const std::vector<std::string>& columns);

/// `import.json` of an artifact. Tokenizers and their vocabularies are left out: they stand in its tokenizer.json.
std::string raw_rules_file(const RawRules& rules);
/// Inverse of raw_rules_file; `tokenizers` is the text of tokenizer.json, or "". Throws Error (damaged) on anything else.
RawRules read_raw_rules(const std::string& text, const std::string& tokenizers);

}  // namespace cohort::datasets
