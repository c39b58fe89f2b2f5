#include "datasets/import/infer_columns.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

#include "core/error.h"
#include "core/toml_document.h"
#include "core/toml_path.h"
#include "datasets/import/csv_scanner.h"
#include "datasets/io/value_parser.h"
#include "datasets/schema.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kMaxIntegerClasses = 20;
constexpr std::size_t kMaxWordClasses = 1000;
constexpr uint64_t kEnoughForUnique = 20;  // rows: below, distinct words prove nothing
constexpr double kTextLength = 40;         // bytes on average

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

/// A list's elements decide: ids that repeat and words are categories.
Decision decide_list(const std::string& name, const ColumnProfile& profile, const std::string& default_of) {
  std::string of = default_of, dtype;
  if (profile.all_numbers()) {
    const bool ids = named_like_id(name) && profile.all_integers();
    of = ids ? "categorical" : "dense";
    dtype = ids ? "int64" : profile.needs_float64() ? "float64" : "";
  } else if (profile.values() > 0) {
    of = profile.all_times() ? "time" : "categorical";
  }
  return {"kind = \"sequence\"\nof = \"" + of + "\"\n" + (dtype.empty() ? "" : "dtype = \"" + dtype + "\"\n") + missing_line(profile), "lists"};
}

}  // namespace

std::string list_of(const std::vector<std::string>& words) {
  std::string result = "[";
  for (std::size_t i = 0; i < words.size(); ++i) result += (i == 0 ? "" : ", ") + core::toml_string(words[i]);
  return result + "]";
}

void check_label_is_there(const std::string& label, const std::vector<std::string>& names, const std::string& file, int line) {
  if (label.empty() || std::find(names.begin(), names.end(), label) != names.end()) return;
  const std::string near = core::did_you_mean(label, names);
  throw core::usage_error("the input has no column " + core::toml_string(label),
                          near.empty() ? "its columns are " + list_of(names) : "did you mean " + core::toml_string(near) + "?")
      .at({file, line, 0});
}

std::string columns_toml(const std::vector<InferredColumn>& columns, uint64_t rows, const std::string& label) {
  std::vector<std::string> names;
  for (const InferredColumn& column : columns) names.push_back(column.name);
  std::string text;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const auto& [name, profile, list_kind] = columns[i];
    if (name == label && !list_kind.empty()) {
      throw core::usage_error("the label " + core::toml_string(name) + " holds lists", "check that this is the right column");
    }
    const Decision decision = name == label            ? decide_label(name, *profile)
                              : list_kind.empty() ? decide(name, *profile, rows)
                                                     : decide_list(name, *profile, list_kind);
    text += "\n[columns." + core::toml_key(name) + "]  # " + decision.why + "\n" + decision.lines;
    const std::string stored = safe_name(name, i, names);
    if (stored != name) text += "rename = " + core::toml_string(stored) + "\n";
  }
  return text;
}

}  // namespace cohort::datasets
