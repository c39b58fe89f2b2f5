#include "datasets/import/event_rows.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/toml_path.h"
#include "datasets/import/group_checks.h"

namespace cohort::datasets {
namespace {

// Parts of times have dictionaries that are known beforehand; times outside these years have no part.
constexpr int kFirstYear = 1970, kLastYear = 2199;

std::chrono::year_month_day date_of(int64_t days) {
  return std::chrono::year_month_day(std::chrono::sys_days(std::chrono::days(static_cast<int>(days))));
}

int64_t floor_days(int64_t seconds) { return seconds / 86400 - (seconds % 86400 < 0 ? 1 : 0); }

int64_t days_in_all() {
  using namespace std::chrono;
  return (sys_days(year(kLastYear + 1) / January / 1) - sys_days(year(kFirstYear) / January / 1)).count();
}

int64_t day_number(std::chrono::year_month_day date) {
  return int64_t{static_cast<int>(date.year())} * 10000 + static_cast<unsigned>(date.month()) * 100 + static_cast<unsigned>(date.day());
}

std::vector<int64_t> part_values(const std::string& part) {
  std::vector<int64_t> values;
  if (part == "hour") {
    for (int64_t hour = 0; hour < 24; ++hour) values.push_back(hour);
  } else if (part == "weekday") {
    for (int64_t day = 1; day <= 7; ++day) values.push_back(day);
  } else if (part == "month") {
    for (int64_t year = kFirstYear; year <= kLastYear; ++year) {
      for (int64_t month = 1; month <= 12; ++month) values.push_back(year * 100 + month);
    }
  } else {
    for (int64_t day = 0; day < days_in_all(); ++day) values.push_back(day_number(date_of(day)));
  }
  return values;
}

int32_t part_code(const std::string& part, int64_t seconds) {
  if (seconds < 0 || seconds >= days_in_all() * 86400) return -1;
  const int64_t day = floor_days(seconds);
  if (part == "hour") return static_cast<int32_t>(seconds % 86400 / 3600);
  if (part == "weekday") return static_cast<int32_t>((day + 3) % 7);  // 1970 began with a Thursday
  if (part == "day") return static_cast<int32_t>(day);
  const std::chrono::year_month_day date = date_of(day);
  return (static_cast<int>(date.year()) - kFirstYear) * 12 + static_cast<int>(static_cast<unsigned>(date.month())) - 1;
}

std::string list_of(const std::vector<std::string>& values) {
  std::string list;
  for (const std::string& value : values) list += (list.empty() ? "" : ", ") + core::toml_string(value);
  return list;
}

/// What a row that is left out doesn't hold.
std::string rule_text(const WhereOptions& o) {
  std::vector<std::string> parts;
  if (o.empty) parts.emplace_back(*o.empty ? "empty" : "not empty");
  if (o.above) parts.push_back("above " + core::toml_float(*o.above));
  if (o.min) parts.push_back("at least " + core::toml_float(*o.min));
  if (o.below) parts.push_back("below " + core::toml_float(*o.below));
  if (o.max) parts.push_back("at most " + core::toml_float(*o.max));
  if (!o.is.empty()) parts.push_back("one of " + list_of(o.is));
  if (!o.is_not.empty()) parts.push_back("none of " + list_of(o.is_not));
  if (!o.begins_with.empty()) parts.push_back("beginning with " + core::toml_string(o.begins_with));
  if (!o.begins_not_with.empty()) parts.push_back("not beginning with " + core::toml_string(o.begins_not_with));
  std::string text = "the rule \"" + o.column + " is ";
  for (std::size_t i = 0; i < parts.size(); ++i) text += (i == 0 ? "" : " and ") + parts[i];
  return text + "\" doesn't hold";
}

}  // namespace

double dense_at(const Column& column, const ColumnBlock& block, std::size_t row) {
  return column.dtype == DType::kFloat64 ? block.doubles[row] : static_cast<double>(block.floats[row]);
}

// ---- rules ----------------------------------------------------------------------------------------------------------

RowRule::RowRule(const Schema& schema, const WhereOptions& options, const std::string& path, core::Diagnostics& diagnostics)
    : options_(options), reason_(rule_text(options)) {
  const auto found = find_column(schema, options.column, path + ".column", diagnostics);
  if (!found) return;
  column_ = *found;
  const Column& column = schema.columns[column_];
  const bool number = options.above || options.min || options.below || options.max;
  const bool text = !options.is.empty() || !options.is_not.empty() || !options.begins_with.empty() || !options.begins_not_with.empty();
  without_value_ = options.empty.value_or(true) && !number && options.is.empty() && options.begins_with.empty();
  const auto refuse = [&](const std::string& what) {
    diagnostics.error(path + ".column", "column " + core::toml_string(column.name) + " is of kind " + to_string(column.kind) + " and " + what,
                      "take another kind for it below `columns`, or another rule");
  };
  if (column.kind == Kind::kCategorical) {
    values_ = Values::kCodes;
    if (number && column.dtype == DType::kString) {
      refuse("holds texts, not numbers");
      return;
    }
    for (std::size_t code = 0; code < column.dictionary.size(); ++code) {
      const std::string value = column.dictionary.text(static_cast<int32_t>(code));
      const bool passes = number ? number_passes(static_cast<double>(column.dictionary.integers[code])) : text_passes(value);
      codes_.push_back(passes && !options.empty.value_or(false) ? 1 : 0);
    }
  } else if (column.kind == Kind::kDense) {
    values_ = column.dtype == DType::kFloat64 ? Values::kDoubles : Values::kFloats;
    if (text) refuse("holds numbers, not texts");
  } else if (column.kind == Kind::kTime) {
    values_ = Values::kTimes;
    if (text || number) refuse("can only be empty or not");
  } else if (column.kind == Kind::kText || (column.kind == Kind::kId && column.dtype == DType::kString)) {
    values_ = Values::kTexts;
    if (number) refuse("holds texts, not numbers");
  } else {
    refuse("no rule looks at it");
  }
}

bool RowRule::number_passes(double value) const {
  return (!options_.above || value > *options_.above) && (!options_.min || value >= *options_.min) && (!options_.below || value < *options_.below) &&
         (!options_.max || value <= *options_.max);
}

bool RowRule::text_passes(std::string_view text) const {
  const auto holds = [&](const std::vector<std::string>& list) { return std::find(list.begin(), list.end(), text) != list.end(); };
  return (options_.is.empty() || holds(options_.is)) && !holds(options_.is_not) && text.starts_with(options_.begins_with) &&
         (options_.begins_not_with.empty() || !text.starts_with(options_.begins_not_with));
}

bool RowRule::passes(const RowBlock& block, std::size_t row) const {
  const ColumnBlock& values = block.columns[column_];
  const bool must_be_empty = options_.empty.value_or(false);
  switch (values_) {
    case Values::kCodes: return values.ints[row] < 0 ? without_value_ : codes_[static_cast<std::size_t>(values.ints[row])] != 0;
    case Values::kFloats: return std::isnan(values.floats[row]) ? without_value_ : !must_be_empty && number_passes(static_cast<double>(values.floats[row]));
    case Values::kDoubles: return std::isnan(values.doubles[row]) ? without_value_ : !must_be_empty && number_passes(values.doubles[row]);
    case Values::kTimes: return values.longs[row] == kNoInteger ? without_value_ : !must_be_empty;
    case Values::kTexts: break;
  }
  const auto begin = static_cast<std::size_t>(row == 0 ? 0 : values.ends[row - 1]), end = static_cast<std::size_t>(values.ends[row]);
  return begin == end ? without_value_ : !must_be_empty && text_passes(std::string_view(values.text).substr(begin, end - begin));
}

// ---- derived columns ------------------------------------------------------------------------------------------------

EventColumns::EventColumns(const Schema& rows, const std::map<std::string, DeriveOptions>& derive, core::Diagnostics& diagnostics) : schema_(rows) {
  std::vector<std::string> names = rows.names();
  for (const auto& [name, options] : derive) {
    const std::string path = "derive." + core::toml_key(name);
    claim_name(names, name, path, diagnostics);
    Column column;
    column.name = name;
    Derived derived;
    derived.part = options.part;
    if (options.part.empty()) {
      column.dtype = DType::kFloat64;
      for (std::size_t i = 0; i < options.product.size(); ++i) {
        const std::string where = path + ".product[" + std::to_string(i) + "]";
        const auto factor = find_column(rows, options.product[i], where, diagnostics);
        if (factor && rows.columns[*factor].kind != Kind::kDense) {
          diagnostics.error(where, "column " + core::toml_string(options.product[i]) + " is of kind " + to_string(rows.columns[*factor].kind) + ", not dense",
                            "set its kind to dense");
        }
        (i == 0 ? derived.first : derived.second) = factor.value_or(0);
      }
    } else {
      column.kind = Kind::kCategorical;
      column.dtype = DType::kInt64;
      column.dictionary.integers = part_values(options.part);
      const auto time = find_column(rows, options.of, path + ".of", diagnostics);
      if (time && rows.columns[*time].kind != Kind::kTime) diagnostics.error(path + ".of", "this column isn't of kind time", "set its kind to time");
      derived.first = time.value_or(0);
    }
    schema_.columns.push_back(std::move(column));
    derived_.push_back(std::move(derived));
  }
}

void EventColumns::derive(RowBlock& block) const {
  const std::size_t own = schema_.columns.size() - derived_.size();
  block.columns.resize(schema_.columns.size());
  for (std::size_t d = 0; d < derived_.size(); ++d) {
    const Derived& derived = derived_[d];
    ColumnBlock& to = block.columns[own + d];
    const ColumnBlock& first = block.columns[derived.first];
    if (!derived.part.empty()) {
      to.ints.clear();
      for (const int64_t time : first.longs) to.ints.push_back(time == kNoInteger ? -1 : part_code(derived.part, time));
      continue;
    }
    const Column &a = schema_.columns[derived.first], &b = schema_.columns[derived.second];
    to.doubles.resize(block.row.size());
    for (std::size_t i = 0; i < block.row.size(); ++i) to.doubles[i] = dense_at(a, first, i) * dense_at(b, block.columns[derived.second], i);
  }
}

}  // namespace cohort::datasets
