#include "datasets/import/infer.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "core/error.h"
#include "core/toml_path.h"
#include "core/utf8.h"
#include "datasets/inspect/column_profile.h"
#include "datasets/import/csv_blocks.h"
#include "datasets/import/csv_profile.h"
#include "datasets/import/csv_scanner.h"
#include "datasets/import/infer_columns.h"
#include "datasets/io/value_parser.h"
#include "datasets/io/worker_pool.h"

namespace cohort::datasets {
namespace {

struct Guess {
  CsvFormat format;
  bool header = true;
  std::vector<std::string> names;    ///< in the file
  std::vector<ColumnProfile> profiles;
  uint64_t rows = 0;
  bool renamed = false;  ///< names are not the header's own
};

bool looks_like_header(const std::vector<CsvField>& fields) {
  return std::none_of(fields.begin(), fields.end(), [](const CsvField& field) {
    double number = 0;
    return parse_number(trimmed(field.text), number) == Parsed::kValue;
  });
}

// Delimiter, header and names, from the start of the first file.
Guess guess_format(const ImportInput& input, const std::string& label, Encoding encoding) {
  Guess guess;
  guess.format.encoding = encoding;
  CsvBlockReader reader(input.file, guess.format, 1 << 16);
  std::string text;
  if (!reader.next(text)) throw core::usage_error("the file is empty", "check the path").at({input.file.string(), 1, 1});
  guess.format.delimiter = sniff_delimiter(text, guess.format.quote);
  CsvScanner scanner(text, guess.format);
  std::vector<CsvField> fields;
  while (scanner.next(fields) && scanner.blank()) {
  }
  if (scanner.failed()) {
    const core::Place place = place_in(text, scanner.problem().offset);
    throw core::usage_error(scanner.problem().message, scanner.problem().remedy).at({input.file.string(), place.line + 1, place.column});
  }
  const bool label_there = !label.empty() && std::any_of(fields.begin(), fields.end(), [&](const CsvField& f) { return f.text == label; });
  guess.header = label_there || looks_like_header(fields);
  std::map<std::string, int> seen;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    std::string name = guess.header ? std::string(fields[i].text) : fmt::format("column_{}", i + 1);
    if (!core::is_utf8(name) || seen[name]++ > 0) {
      name = fmt::format("column_{}", i + 1);
      guess.renamed = true;
    }
    guess.names.push_back(std::move(name));
  }
  guess.profiles.resize(guess.names.size());
  return guess;
}

void profile_inputs(const std::vector<ImportInput>& inputs, Guess& guess, WorkerPool& pool) {
  for (const ImportInput& input : inputs) guess.rows += profile_csv(input.file, guess.format, guess.header, guess.profiles, pool);
}

std::string write_toml(const Guess& guess, const std::string& label, const std::string& source) {
  std::string text = "# Inferred from the " + std::to_string(guess.rows) + " rows of " + source + ".\n" +
                     "# Check the kinds below; a corrected copy is used with --options.\n\n[csv]\n";
  text += "delimiter = " + core::toml_string(guess.format.delimiter) + "\n";
  text += fmt::format("header = {}\n", guess.header);
  text += fmt::format("encoding = \"{}\"\n", guess.format.encoding == Encoding::kUtf8 ? "utf-8" : "iso-8859-1");
  if (guess.renamed || !guess.header) text += "names = " + list_of(guess.names) + "\n";
  std::vector<InferredColumn> columns;
  for (std::size_t i = 0; i < guess.names.size(); ++i) columns.push_back({guess.names[i], &guess.profiles[i], {}});
  return text + columns_toml(columns, guess.rows, label);
}

}  // namespace

std::string infer_import(const std::vector<ImportInput>& inputs, const std::string& label) {
  Guess guess = guess_format(inputs.front(), label, Encoding::kUtf8);
  check_label_is_there(label, guess.names, inputs.front().file.string(), 1);
  WorkerPool pool(0);
  profile_inputs(inputs, guess, pool);
  if (guess.rows == 0) throw core::usage_error("the input holds no rows", "check the file").at({inputs.front().file.string(), 0, 0});
  const bool latin1 = std::any_of(guess.profiles.begin(), guess.profiles.end(), [](const ColumnProfile& p) { return p.has_invalid_utf8(); });
  if (latin1) {
    guess = guess_format(inputs.front(), label, Encoding::kLatin1);
    profile_inputs(inputs, guess, pool);
  }
  std::string source = inputs.front().file.filename().string();
  if (inputs.size() > 1) source += fmt::format(" and {} more", inputs.size() - 1);
  return write_toml(guess, label, show(source));
}

}  // namespace cohort::datasets
