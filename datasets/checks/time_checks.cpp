#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "datasets/checks/check_context.h"
#include "datasets/io/time_format.h"

namespace cohort::datasets {
namespace {

// Numbers in this range are taken for seconds since 1970 where all values of a column lie in it: 1990 to 2100.
constexpr double kEarliest = 631'152'000, kLatest = 4'102'444'800;
// A float32 holds such seconds to within 256.
constexpr int64_t kFloatSlack = 256;

/// Share of rows after their cut, among those where both are known.
struct Lateness {
  uint64_t rows = 0, late = 0;
  void take(int64_t time, int64_t cut, int64_t slack = 0) {
    if (time == kNoInteger || cut == kNoInteger) return;
    ++rows;
    if (time - slack > cut) ++late;
  }
  double share() const { return rows == 0 ? NAN : static_cast<double>(late) / static_cast<double>(rows); }
};

int64_t cut_of_row(const CheckContext& context, std::size_t row) {
  const int64_t own = context.basis.cut_times.empty() ? kNoInteger : context.basis.cut_times[row];
  return own == kNoInteger ? context.basis.cut.fixed : own;
}

Lateness lateness_of(const CheckContext& context, const std::vector<int64_t>& times) {
  Lateness lateness;
  for (std::size_t i = 0; i < times.size(); ++i) lateness.take(times[i], cut_of_row(context, i));
  return lateness;
}

/// When the column's values became known, row by row.
Lateness availability_lateness(const CheckContext& context, const TimeSource& available) {
  std::vector<int64_t> times;
  if (available.column != nullptr) times = read_train_times(context.dataset, context.split, *available.column, context.basis.sample);
  else times.assign(context.basis.label.codes.of_row.size(), available.fixed);
  return lateness_of(context, times);
}

/// Times that a category's values spell, by code; empty where one of them is no time.
std::vector<int64_t> times_of_values(const Column& column) {
  std::vector<int64_t> times;
  const TimeFormat iso8601;
  for (const std::string& text : column.dictionary.strings) {
    int64_t seconds = 0;
    if (!iso8601.parse(text, seconds)) return {};
    times.push_back(seconds);
  }
  const auto& integers = column.dictionary.integers;
  const bool seconds = std::all_of(integers.begin(), integers.end(), [](int64_t value) {
    return static_cast<double>(value) >= kEarliest && static_cast<double>(value) < kLatest;
  });
  if (seconds) times.insert(times.end(), integers.begin(), integers.end());
  return times;
}

/// Seconds in a number's unit where all its values look like times since 1970, in seconds or milliseconds; else 0.
double seconds_in_unit(const std::vector<float>& values) {
  if (values.empty()) return 0;
  for (const double unit : {1.0, 1e-3}) {
    if (static_cast<double>(values.front()) * unit >= kEarliest && static_cast<double>(values.back()) * unit < kLatest) return unit;
  }
  return 0;
}

/// Of a feature whose values are times.
Lateness value_lateness(const CheckContext& context, const CheckedColumn& column) {
  Lateness lateness;
  std::vector<int64_t> times;
  int64_t slack = 0;
  if (column.ordered) {
    const double unit = seconds_in_unit(column.train.values);
    if (unit == 0) return lateness;
    for (const float value : column.train.values) times.push_back(static_cast<int64_t>(static_cast<double>(value) * unit));
    slack = kFloatSlack;
  } else {
    times = times_of_values(*column.column);
  }
  if (times.empty()) return lateness;
  for (std::size_t i = 0; i < column.train.of_row.size(); ++i) {
    const int32_t code = column.train.of_row[i];
    if (code >= 0) lateness.take(times[static_cast<std::size_t>(code)], cut_of_row(context, i), slack);
  }
  return lateness;
}

void report_late(const CheckContext& context, const std::string& name, const Lateness& lateness, Severity strength, const std::string& what,
                 const std::string& remedy, ColumnOutcome& outcome) {
  const AfterCutOptions& options = context.options.after_cut;
  outcome.measures.late = lateness.share();
  if (lateness.late == 0 || !(lateness.share() > options.share)) return;
  outcome.findings.push_back({"after_cut", name, *severity_under(options.severity, strength), lateness.share(), options.share,
                              fmt::format("column {} {} {} in {} of the training rows", quoted(name), what, context.basis.cut.text(), percent_text(lateness.share())), remedy});
}

}  // namespace

void check_feature_times(const CheckContext& context, const CheckedColumn& column, ColumnOutcome& outcome) {
  const AfterCutOptions& options = context.options.after_cut;
  if (options.severity == "off") return;
  const std::string& name = column.column->name;
  const TimeSource available = availability_of(*column.column, options, context.dataset.schema());
  if (!available.known() && !column.column->available_at.empty()) {
    outcome.findings.push_back({"after_cut", name, Severity::kWarning, NAN, NAN,
                                fmt::format("column {} is declared available at {}, which is neither a time nor a time column of the dataset: it can't be judged",
                                            quoted(name), quoted(column.column->available_at)),
                                usual_remedy(name, "after_cut")});
  }
  if (available.known() && !context.basis.cut.known()) {
    outcome.findings.push_back({"after_cut", name, Severity::kWarning, NAN, NAN,
                                fmt::format("column {} is available from {} on, but nothing says for which moment the model predicts: it can't be judged", quoted(name),
                                            available.text()),
                                "set checks.after_cut.cut_column (or cut), or use a split by time; " + usual_remedy(name, "after_cut")});
    return;
  }
  if (!context.basis.cut.known()) return;
  if (available.known()) {
    report_late(context, name, availability_lateness(context, available), Severity::kError, fmt::format("became known ({}) only after", available.text()),
                usual_remedy(name, "after_cut"), outcome);
    return;
  }
  report_late(context, name, value_lateness(context, column), Severity::kError, "holds times after",
              "a planned date may lie in the future, what was recorded may not: " + usual_remedy(name, "after_cut"), outcome);
}

void check_time_column(const CheckContext& context, const Column& column, ColumnOutcome& outcome) {
  if (context.options.after_cut.severity == "off" || !context.basis.cut.known()) return;
  const std::string& name = column.name;
  const Lateness lateness = lateness_of(context, read_train_times(context.dataset, context.split, column, context.basis.sample));
  report_late(context, name, lateness, Severity::kWarning, "holds times after",
              "what is derived from it isn't known at that moment: " + usual_remedy(name, "after_cut"), outcome);
}

}  // namespace cohort::datasets
