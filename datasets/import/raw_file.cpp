#include "datasets/import/raw_file.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "core/error.h"
#include "core/toml_document.h"
#include "core/utf8.h"
#include "datasets/import/record_cutter.h"

namespace cohort::datasets {
namespace {

namespace fs = std::filesystem;

/// A field of the input that is needed, in the input's words and the dataset's.
struct NeededField {
  std::string source, name;
};

struct FirstRecord {
  std::vector<std::string> fields;
  std::size_t bytes = 0;  ///< with blank lines before it
};

/// The table of rules that makes a column of the dataset.
const std::pair<const std::string, ColumnOptions>& rules_of(const RawRules& rules, const std::string& column) {
  for (const auto& entry : rules.columns) {
    if ((entry.second.rename.empty() ? entry.first : entry.second.rename) == column) return entry;
  }
  throw core::damaged_error("nothing says how column \"" + column + "\" is read from raw values");
}

std::vector<NeededField> needed_fields_of(const RawRules& rules, const std::vector<std::string>& columns) {
  std::vector<NeededField> needed;
  for (const std::string& column : columns) {
    const auto& [source, own] = rules_of(rules, column);
    NeededField field = own.from.empty() ? NeededField{source, column} : NeededField{own.from, own.from};
    const auto same = std::find_if(needed.begin(), needed.end(), [&](const NeededField& other) { return other.source == field.source; });
    if (same == needed.end()) needed.push_back(std::move(field));
  }
  return needed;
}

FirstRecord cut_first_record(const fs::path& file, std::string_view start, const CsvFormat& format) {
  RecordCutter cutter(start, format);
  std::vector<CsvField> fields;
  while (cutter.next(fields) && cutter.blank()) {
  }
  if (cutter.failed()) {
    const core::Place place = place_in(start, cutter.problem().offset);
    throw core::usage_error(cutter.problem().message, cutter.problem().remedy).at({file.string(), place.line + 1, place.column});
  }
  FirstRecord record;
  for (const CsvField& field : fields) record.fields.emplace_back(field.text);
  record.bytes = cutter.position();
  return record;
}

/// The input's name of each field, "" for those that aren't needed. Nothing is found twice.
std::vector<std::string> match_names(const std::vector<std::string>& present, const std::vector<NeededField>& needed) {
  std::vector<std::string> names(present.size());
  for (const NeededField& field : needed) {
    auto found = std::find(present.begin(), present.end(), field.source);
    if (found == present.end()) found = std::find(present.begin(), present.end(), field.name);
    if (found == present.end()) continue;
    std::string& name = names[static_cast<std::size_t>(found - present.begin())];
    if (name.empty()) name = field.source;
  }
  return names;
}

std::size_t found_in(const std::vector<std::string>& names) {
  return static_cast<std::size_t>(std::count_if(names.begin(), names.end(), [](const std::string& name) { return !name.empty(); }));
}

core::Error lacking(const fs::path& file, const RawRules& rules, const std::vector<NeededField>& needed, const std::vector<std::string>& present,
                    const std::vector<std::string>& names, const CsvFormat& format) {
  std::string absent;
  for (const NeededField& field : needed) {
    if (std::find(names.begin(), names.end(), field.source) != names.end()) continue;
    const std::string guess = core::did_you_mean(field.name, present);
    absent += (absent.empty() ? "" : ", ") + show(field.name) + (guess.empty() ? "" : " (or is it " + show(guess) + "?)");
  }
  return core::usage_error("the file lacks columns that are needed: " + absent,
                           "the first line must name the columns as the training data did; the delimiter was taken to be " + delimiter_text(format.delimiter) +
                               (rules.joined ? "; columns that the import joined from other tables must stand in the file, or import it as a dataset "
                                               "and predict that"
                                             : ""))
      .at({file.string(), 1, 1});
}

/// How the file is cut, and the names of its fields as match_names gives them.
std::vector<std::string> find_names(const fs::path& file, std::string_view start, const RawRules& rules, const std::vector<NeededField>& needed,
                                    RawFile& result) {
  const CsvFormat stated = csv_format(rules.csv);
  CsvFormat sniffed;
  sniffed.encoding = stated.encoding;
  sniffed.delimiter = sniff_delimiter(start.substr(0, 1 << 16), sniffed.quote);
  std::vector<std::string> best, present;
  std::optional<core::Error> problem;
  for (const CsvFormat& format : {stated, sniffed}) {
    try {
      const FirstRecord record = cut_first_record(file, start, format);
      const std::vector<std::string> names = match_names(record.fields, needed);
      const bool better = present.empty() || found_in(names) > found_in(best);
      if (better) {
        result.format = format;
        result.header_bytes = record.bytes;
        present = record.fields;
        best = names;
      }
    } catch (const core::Error& error) {
      problem = error;
    }
    if (found_in(best) == needed.size()) return best;
  }
  if (present.empty() && problem) throw core::Error(*problem);
  if (!rules.csv.names.empty()) {
    const FirstRecord record = cut_first_record(file, start, stated);
    if (record.fields.size() == rules.csv.names.size()) {
      best = match_names(rules.csv.names, needed);
      result.format = stated;
      result.header_bytes = rules.csv.header ? record.bytes : 0;
      if (found_in(best) == needed.size()) return best;
    }
  }
  throw lacking(file, rules, needed, present, best, result.format);
}

void check_rows(const fs::path& file, const RawRules& rules) {
  if (rules.row_a_record) return;
  throw core::usage_error("the net was trained on rows that an import of the format " + rules.format + " made; the records of a CSV file are no such rows",
                          "import the file as a dataset, with the import.toml of the training data, and predict that: --data DATASET")
      .at({file.string(), 0, 0});
}

/// Which key made the pseudonyms, in words.
std::string key_in_words(const RawRules& rules) { return rules.key_id.empty() ? "" : " (its id is " + rules.key_id + ")"; }

void check_raw_columns(const fs::path& file, const RawRules& rules, const ImportOptions& options, const fs::path& key_file) {
  for (const auto& [source, column] : options.columns) {
    if (column.kind == "sequence" && !column.tokenizer && column.separator.empty()) {
      throw core::usage_error("column " + show(source) + " holds lists, which the training data had in no text: a CSV file has none",
                              "import the file as a dataset and predict that: --data DATASET")
          .at({file.string(), 0, 0});
    }
    if (!column.pseudonym.empty() && key_file.empty()) {
      throw core::usage_error("column " + show(source) + " is a feature as pseudonyms, which need the key of the import" + key_in_words(rules),
                              "name its file: --key-file FILE; or import the file as a dataset under that key and predict that")
          .at({file.string(), 0, 0});
    }
  }
}

void check_key(const RawRules& rules, const ImportPlan& plan, const fs::path& key_file) {
  if (!plan.key || rules.key_id.empty() || plan.key->id() == rules.key_id) return;
  throw core::usage_error("the key file " + key_file.string() + " holds another key than the pseudonyms of the training data were made with: its id is " +
                              plan.key->id() + ", theirs " + rules.key_id,
                          "name the key file of that import; another key gives other pseudonyms, all of them unknown to the net");
}

}  // namespace

CsvFormat first_format(const RawRules& rules) { return csv_format(rules.csv); }

RawFile plan_raw_file(const fs::path& file, std::string_view start, const RawRules& rules, const std::vector<std::string>& columns, const fs::path& key_file) {
  check_rows(file, rules);
  ImportOptions options;
  options.on_error = rules.on_error;
  options.privacy.scan = "off";
  for (const std::string& column : columns) {
    const auto& [source, own] = rules_of(rules, column);
    options.columns[source] = own;
    if (!own.pseudonym.empty() && !key_file.empty()) options.privacy.key_file = fs::absolute(key_file).string();
  }
  check_raw_columns(file, rules, options, key_file);
  RawFile result;
  std::vector<std::string> names = find_names(file, start, rules, needed_fields_of(rules, columns), result);
  for (std::size_t i = 0; i < names.size(); ++i) {
    // What isn't needed gets a name that no column has.
    if (names[i].empty()) names[i] = std::string("\x1f") + std::to_string(i);
    if (!options.columns.contains(names[i])) options.drop.push_back(names[i]);
  }
  const core::TomlDocument document = core::TomlDocument::parse("", "import.json");
  core::Diagnostics diagnostics(document);
  result.plan = make_plan(options, names, {}, {}, diagnostics);
  diagnostics.throw_if_errors();
  check_key(rules, result.plan, key_file);
  for (const std::string& column : columns) {
    const auto& all = result.plan.schema.columns;
    const auto found = std::find_if(all.begin(), all.end(), [&](const Column& c) { return c.name == column; });
    result.columns.push_back(static_cast<std::size_t>(found - all.begin()));
  }
  return result;
}

}  // namespace cohort::datasets
