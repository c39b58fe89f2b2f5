#include "datasets/import/event_aggregate.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/toml_path.h"
#include "datasets/import/group_checks.h"

namespace cohort::datasets {
namespace {

constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();

bool is_one_of(const std::string& word, std::initializer_list<const char*> words) {
  return std::any_of(words.begin(), words.end(), [&](const char* other) { return word == other; });
}

/// What a function is of, where that isn't such a column; else "".
std::string needed_column(const std::string& function, const Column& column) {
  const bool dense = column.kind == Kind::kDense, coded = column.kind == Kind::kCategorical;
  if (is_one_of(function, {"recency", "tenure", "gap_mean", "gap_sd"})) return "of the events' times and takes no column";
  if (is_one_of(function, {"distinct", "share", "mode"})) return coded ? "" : "of categories";
  if (is_one_of(function, {"sum", "mean", "sd", "min", "max"})) return dense ? "" : "of numbers";
  return coded || dense ? "" : "of numbers and categories";
}

double mean_of(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? kNoNumber : sum / static_cast<double>(values.size());
}

/// The sample's standard deviation; of a single value 0.
double deviation_of(std::span<const double> values) {
  if (values.size() < 2) return values.empty() ? kNoNumber : 0;
  const double mean = mean_of(values);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

double number_of(const std::string& function, std::span<const double> values) {
  if (function == "count") return static_cast<double>(values.size());
  if (function == "mean") return mean_of(values);
  if (function == "sd") return deviation_of(values);
  double sum = 0;
  for (const double value : values) sum += value;
  if (function == "sum") return sum;
  if (values.empty()) return kNoNumber;
  if (function == "min") return *std::min_element(values.begin(), values.end());
  if (function == "max") return *std::max_element(values.begin(), values.end());
  return function == "first" ? values.front() : values.back();
}

double days(int64_t seconds) { return static_cast<double>(seconds) / 86400.0; }

}  // namespace

EventView EventView::between(int64_t from, int64_t to) const {
  const auto cut = [&](std::span<const uint32_t> places) {
    const auto before = [&](uint32_t place, int64_t when) { return time_of(place) < when; };
    const auto first = std::lower_bound(places.begin(), places.end(), from, before);
    const auto end = std::lower_bound(first, places.end(), std::max(from, to), before);
    return std::span<const uint32_t>(first, end);
  };
  return {block, time, cut(events), cut(left_out)};
}

Aggregate::Aggregate(const Context& context, const std::string& name, const AggregateOptions& options, const std::string& path,
                     core::Diagnostics& diagnostics)
    : name_(name), function_(options.function), events_(context.events), left_out_(options.from == "left_out") {
  if (options.per == "group") {
    group_ = context.group;
    if (!group_) diagnostics.error(path + ".per", "no group column is named", "set group = \"…\", the column whose events belong together");
  }
  if (!options.window.empty()) window_ = duration_seconds(options.window).value_or(0);
  for (std::size_t i = 0; i < options.where.size(); ++i) rules_.emplace_back(events_, options.where[i], path + ".where[" + std::to_string(i) + "]", diagnostics);
  if (options.of.empty()) return;
  of_ = find_column(events_, options.of, path + ".of", diagnostics);
  if (!of_) return;
  const Column& column = events_.columns[*of_];
  if (const std::string needed = needed_column(function_, column); !needed.empty()) {
    diagnostics.error(path + ".of", "column " + core::toml_string(column.name) + " is of kind " + to_string(column.kind) + ", but " + function_ + " is " + needed,
                      "take another column, or another kind for it below `columns`");
    return;
  }
  const bool coded = column.kind == Kind::kCategorical;
  category_ = function_ == "mode" || (coded && is_one_of(function_, {"first", "last"}));
  if (function_ != "share") return;
  // A dictionary that is still empty comes with the first look at the options.
  for (std::size_t code = 0; code < column.dictionary.size(); ++code) {
    if (column.dictionary.text(static_cast<int32_t>(code)) == options.value) value_ = static_cast<int32_t>(code);
  }
}

bool Aggregate::counts(const RowBlock& block, std::size_t row) const {
  return std::all_of(rules_.begin(), rules_.end(), [&](const RowRule& rule) { return rule.passes(block, row); });
}

// A group is one unit: the sum of its values at the time of its first event, which says whether it is in the window. Events without a group are
// units of their own.
void Aggregate::collect_units(const EventView& view, int64_t cut, AggregateScratch& scratch) const {
  scratch.units.clear();
  scratch.places.clear();
  const RowBlock& block = *view.block;
  for (const uint32_t row : rows_of(view)) {
    if (!rules_.empty() && !counts(block, row)) continue;
    double value = 1;
    if (of_) {
      const Column& column = events_.columns[*of_];
      value = column.kind == Kind::kDense ? dense_at(column, block.columns[*of_], row) : block.columns[*of_].ints[row] < 0 ? kNoNumber : 1.0;
    }
    std::size_t place = scratch.units.size();
    const int32_t group = group_ ? block.columns[*group_].ints[row] : -1;
    if (group >= 0) place = scratch.places.emplace(group, place).first->second;
    if (place == scratch.units.size()) scratch.units.push_back({view.time_of(row), 0, false});
    if (std::isnan(value)) continue;
    scratch.units[place].value += value;
    scratch.units[place].has_value = true;
  }
  std::erase_if(scratch.units, [&](const AggregateScratch::Unit& unit) { return cut - unit.time > window_; });
}

void Aggregate::collect_codes(const EventView& view, int64_t cut, AggregateScratch& scratch) const {
  scratch.codes.clear();
  const std::vector<int32_t>& codes = view.block->columns[*of_].ints;
  for (const uint32_t row : rows_of(view)) {
    if (codes[row] < 0 || cut - view.time_of(row) > window_ || (!rules_.empty() && !counts(*view.block, row))) continue;
    scratch.codes.push_back(codes[row]);
  }
}

double Aggregate::number(const EventView& view, int64_t cut, AggregateScratch& scratch) const {
  if (function_ == "distinct" || function_ == "share") {
    collect_codes(view, cut, scratch);
    std::vector<int32_t>& codes = scratch.codes;
    if (function_ == "share") {
      if (codes.empty()) return kNoNumber;
      return static_cast<double>(std::count(codes.begin(), codes.end(), value_)) / static_cast<double>(codes.size());
    }
    std::sort(codes.begin(), codes.end());
    return static_cast<double>(std::unique(codes.begin(), codes.end()) - codes.begin());
  }
  collect_units(view, cut, scratch);
  const std::vector<AggregateScratch::Unit>& units = scratch.units;
  if (is_one_of(function_, {"recency", "tenure"})) {
    if (units.empty()) return kNoNumber;
    return days(cut - (function_ == "recency" ? units.back() : units.front()).time);
  }
  std::vector<double> values;
  if (is_one_of(function_, {"gap_mean", "gap_sd"})) {
    for (std::size_t i = 1; i < units.size(); ++i) values.push_back(days(units[i].time - units[i - 1].time));
    return function_ == "gap_mean" ? mean_of(values) : deviation_of(values);
  }
  for (const AggregateScratch::Unit& unit : units) {
    if (unit.has_value) values.push_back(unit.value);
  }
  return number_of(function_, values);
}

int32_t Aggregate::category(const EventView& view, int64_t cut, AggregateScratch& scratch) const {
  collect_codes(view, cut, scratch);
  std::vector<int32_t>& codes = scratch.codes;
  if (codes.empty()) return -1;
  if (function_ == "first") return codes.front();
  if (function_ == "last") return codes.back();
  // The most frequent; of several the first in the dictionary's order.
  std::sort(codes.begin(), codes.end());
  int32_t best = -1;
  std::ptrdiff_t most = 0;
  for (auto begin = codes.begin(); begin != codes.end();) {
    const auto end = std::upper_bound(begin, codes.end(), *begin);
    if (end - begin > most) {
      most = end - begin;
      best = *begin;
    }
    begin = end;
  }
  return best;
}

}  // namespace cohort::datasets
