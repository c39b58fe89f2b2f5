#include "datasets/import/infer.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <map>

#include <fmt/format.h>

#include "core/error.h"
#include "core/toml_path.h"
#include "core/utf8.h"
#include "datasets/inspect/column_profile.h"
#include "datasets/import/csv_blocks.h"
#include "datasets/import/csv_profile.h"
#include "datasets/import/csv_scanner.h"
#include "datasets/io/value_parser.h"
#include "datasets/io/worker_pool.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kMaxIntegerClasses = 20;
constexpr std::size_t kMaxWordClasses = 1000;
constexpr uint64_t kEnoughForUnique = 20;  // rows: below, distinct words prove nothing
constexpr double kTextLength = 40;         // bytes on average

struct Guess {
  CsvFormat format;
  bool header = true;
  std::vector<std::string> names;    ///< in the file
  std::vector<ColumnProfile> profiles;
  uint64_t rows = 0;
  bool renamed = false;  ///< names are not the header's own
};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool named_like_id(const std::string& name) {
  const std::string low = lower(name);
  static constexpr std::array<std::string_view, 9> kNames{"",   "id",        "index",  "row",        "rowid",
                                                          "rownum", "row_number", "uuid", "unnamed: 0"};
  if (std::find(kNames.begin(), kNames.end(), low) != kNames.end()) return true;
  for (const std::string_view ending : {"_id", "-id", " id", ".id"}) {
    if (low.ends_with(ending)) return true;
  }
  // customerID, userId: but not "paid" or "valid".
  return name.size() > 2 && (name.ends_with("ID") || name.ends_with("Id")) &&
         std::islower(static_cast<unsigned char>(name[name.size() - 3])) != 0;
}

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

std::string list_of(const std::vector<std::string>& words) {
  std::string result = "[";
  for (std::size_t i = 0; i < words.size(); ++i) result += (i == 0 ? "" : ", ") + core::toml_string(words[i]);
  return result + "]";
}

std::string number(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  return std::string(text, end);
}

std::string evidence(const ColumnProfile& profile) {
  std::string result = fmt::format("{}{} distinct", profile.distinct_is_exact() ? "" : "more than ", profile.distinct().size());
  if (profile.all_numbers()) result += fmt::format(", {} to {}", number(profile.lowest()), number(profile.highest()));
  if (profile.blanks() > 0) result += fmt::format(", {} empty", profile.blanks());
  for (const std::string& marker : profile.markers()) {
    if (profile.all_numbers()) result += ", some " + show(marker);
  }
  return result;
}

/// The lines below [columns.X], and why.
struct Decision {
  std::string lines;
  std::string why;
};

std::string missing_line(const ColumnProfile& profile) {
  if (profile.markers().empty()) return {};
  return "missing = " + list_of({profile.markers().begin(), profile.markers().end()}) + "\n";
}

// Known pairs put the "no" first; numbers and other words are sorted.
std::vector<std::string> class_order(const ColumnProfile& profile) {
  std::vector<std::string> values;
  for (std::size_t code = 0; code < profile.distinct().size(); ++code) {
    const std::string_view text = trimmed(profile.distinct().value(static_cast<int32_t>(code)));
    if (profile.all_numbers() && profile.markers().contains(std::string(text))) continue;
    if (std::find(values.begin(), values.end(), text) == values.end()) values.emplace_back(text);
  }
  if (profile.all_numbers()) {
    std::sort(values.begin(), values.end(), [](const std::string& a, const std::string& b) {
      double x = 0, y = 0;
      parse_number(a, x);
      parse_number(b, y);
      return x != y ? x < y : a < b;
    });
    return values;
  }
  std::sort(values.begin(), values.end());
  static constexpr std::array<std::string_view, 10> kNegative{"no", "n", "false", "f", "negative", "neg", "good", "0", "-", "non"};
  if (values.size() == 2) {
    const std::string second = lower(values[1]);
    if (std::find(kNegative.begin(), kNegative.end(), second) != kNegative.end()) std::swap(values[0], values[1]);
  }
  return values;
}

Decision decide_label(const std::string& name, const ColumnProfile& profile) {
  const std::string quoted = core::toml_string(name);
  const std::vector<std::string> values = profile.distinct_is_exact() ? class_order(profile) : std::vector<std::string>();
  if (values.size() == 1 || profile.values() + profile.marked() == 0) {
    throw core::usage_error("the label " + quoted + (values.empty() ? " is empty in all rows" : " has one value in all rows, " + show(values[0])) +
                                ": there is nothing to learn",
                            "check that this is the right column");
  }
  const std::string missing = profile.all_numbers() ? missing_line(profile) : "";
  const bool classes = values.size() == 2 || (profile.all_integers() && values.size() >= 2 && values.size() <= kMaxIntegerClasses) ||
                       (!profile.all_numbers() && values.size() >= 2 && values.size() <= kMaxWordClasses);
  if (classes) {
    return {"kind = \"label\"\nvalues = " + list_of(values) + "\n" + missing, values.size() == 2 ? "two classes" : "classes"};
  }
  if (profile.all_numbers()) return {"kind = \"label\"\n" + missing, "a number to predict"};
  throw core::usage_error("the label " + quoted + " holds words with too many different values to be classes",
                          "check that this is the right column");
}

Decision decide(const std::string& name, const ColumnProfile& profile, uint64_t rows) {
  const bool id_name = named_like_id(name);
  if (profile.values() == 0 && profile.marked() == 0) return {"kind = \"dense\"\n", "empty in all rows"};
  if (profile.all_numbers()) {
    const bool unique = profile.all_distinct() && profile.marked() == 0 && rows > 1;
    if (id_name && (profile.counts_up() || (profile.all_integers() && unique))) {
      return {"kind = \"id\"\ndtype = \"int64\"\n", profile.counts_up() ? "counts the rows" : "a number of its own in each row"};
    }
    if (id_name && profile.all_unsigned() && unique) return {"kind = \"id\"\ndtype = \"uint64\"\n", "a number of its own in each row"};
    if (id_name && profile.all_integers() && !name.empty()) {
      return {"kind = \"categorical\"\ndtype = \"int64\"\n" + missing_line(profile), "named like an id that repeats"};
    }
    return {std::string("kind = \"dense\"\n") + (profile.needs_float64() ? "dtype = \"float64\"\n" : "") + missing_line(profile),
            evidence(profile)};
  }
  if (profile.all_times()) return {"kind = \"time\"\nformat = \"iso8601\"\n" + missing_line(profile), evidence(profile)};
  const bool varied = profile.distinct().size() * 2 > std::min<uint64_t>(rows, ColumnProfile::kMaxDistinct);
  if (varied && profile.has_spaces() && profile.mean_length() >= kTextLength) return {"kind = \"text\"\n", "long texts"};
  if (profile.all_distinct() && (rows >= kEnoughForUnique || id_name)) return {"kind = \"id\"\n", "a word of its own in each row"};
  return {"kind = \"categorical\"\n", evidence(profile)};
}

std::string safe_name(const std::string& name, std::size_t position, const std::vector<std::string>& taken) {
  if (name_problem(name).empty()) return name;
  std::string result = name;
  std::replace(result.begin(), result.end(), '/', '_');
  if (!name_problem(result).empty()) result = fmt::format("column_{}", position + 1);
  while (std::find(taken.begin(), taken.end(), result) != taken.end()) result += "_";
  return result;
}

std::string write_toml(const Guess& guess, const std::string& label, const std::string& source) {
  std::string text = "# Inferred from the " + std::to_string(guess.rows) + " rows of " + source + ".\n" +
                     "# Check the kinds below; a corrected copy is used with --options.\n\n[csv]\n";
  text += "delimiter = " + core::toml_string(guess.format.delimiter) + "\n";
  text += fmt::format("header = {}\n", guess.header);
  text += fmt::format("encoding = \"{}\"\n", guess.format.encoding == Encoding::kUtf8 ? "utf-8" : "iso-8859-1");
  if (guess.renamed || !guess.header) text += "names = " + list_of(guess.names) + "\n";
  for (std::size_t i = 0; i < guess.names.size(); ++i) {
    const std::string& name = guess.names[i];
    const Decision decision = name == label ? decide_label(name, guess.profiles[i]) : decide(name, guess.profiles[i], guess.rows);
    text += "\n[columns." + core::toml_key(name) + "]  # " + decision.why + "\n" + decision.lines;
    const std::string stored = safe_name(name, i, guess.names);
    if (stored != name) text += "rename = " + core::toml_string(stored) + "\n";
  }
  return text;
}

}  // namespace

std::string infer_import(const std::vector<ImportInput>& inputs, const std::string& label) {
  Guess guess = guess_format(inputs.front(), label, Encoding::kUtf8);
  if (!label.empty() && std::find(guess.names.begin(), guess.names.end(), label) == guess.names.end()) {
    const std::string near = core::did_you_mean(label, guess.names);
    throw core::usage_error("the input has no column " + core::toml_string(label),
                            near.empty() ? "its columns are " + list_of(guess.names) : "did you mean " + core::toml_string(near) + "?")
        .at({inputs.front().file.string(), 1, 0});
  }
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
