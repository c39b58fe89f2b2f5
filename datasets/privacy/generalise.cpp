#include "datasets/privacy/generalise.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "core/utf8.h"
#include "datasets/io/value_parser.h"

namespace cohort::datasets {
namespace {

std::vector<std::string> band_labels(const std::vector<double>& bounds) {
  std::vector<std::string> labels;
  for (std::size_t i = 0; i <= bounds.size(); ++i) {
    const std::string low = i == 0 ? "(-inf" : fmt::format("[{}", bounds[i - 1]);
    labels.push_back(low + "," + (i == bounds.size() ? std::string("inf") : fmt::format("{}", bounds[i])) + ")");
  }
  return labels;
}

/// The day of these seconds; nothing beyond the calendar.
std::optional<std::chrono::year_month_day> day_of(int64_t seconds) {
  using namespace std::chrono;
  constexpr int64_t first = static_cast<int64_t>(sys_days(year::min() / January / 1).time_since_epoch().count()) * 86400;
  constexpr int64_t last = static_cast<int64_t>(sys_days(year::max() / December / 31).time_since_epoch().count()) * 86400;
  if (seconds < first || seconds > last) return std::nullopt;
  return year_month_day(std::chrono::floor<days>(sys_seconds(std::chrono::seconds(seconds))));
}

}  // namespace

Generaliser::Generaliser(const GeneraliseOptions& options, TimeFormat format) : format_(std::move(format)) {
  if (!options.bands.empty()) {
    rule_ = Rule::kBands;
    bounds_ = options.bands;
    for (double& bound : bounds_) bound += 0.0;  // −0 would be shown
    labels_ = band_labels(bounds_);
  } else if (options.band) {
    rule_ = Rule::kBand;
    step_.emplace(*options.band);
  } else if (options.round) {
    rule_ = Rule::kRound;
    step_.emplace(*options.round);
  } else if (options.prefix) {
    rule_ = Rule::kPrefix;
    prefix_ = static_cast<std::size_t>(*options.prefix);
  } else {
    rule_ = Rule::kDate;
    period_ = options.date == "year" ? Period::kYear
              : options.date == "quarter" ? Period::kQuarter
              : options.date == "month" ? Period::kMonth
                                        : Period::kDay;
  }
}

std::string_view Generaliser::text(std::string_view raw, std::string& out) const {
  if (rule_ == Rule::kPrefix) {
    out.assign(raw.substr(0, core::utf8_offset(raw, prefix_)));
    return {};
  }
  raw = trimmed(raw);
  if (rule_ == Rule::kDate) return date_text(raw, out);
  double value = 0;
  switch (parse_number(raw, value)) {
    case Parsed::kNotANumber: return "is not a number";
    case Parsed::kOutOfRange: return "is beyond the range of float64";
    case Parsed::kValue: break;
  }
  return band_text(value, out);
}

std::string_view Generaliser::band_text(double value, std::string& out) const {
  if (rule_ == Rule::kBands) {
    out = labels_[static_cast<std::size_t>(std::upper_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin())];
    return {};
  }
  const std::optional<int64_t> k = rule_ == Rule::kBand ? step_->floor(value) : step_->nearest(value);
  if (!k) return "is too large for steps of this width";
  out = rule_ == Rule::kRound ? step_->text(*k) : fmt::format("[{},{})", step_->multiple(*k), step_->multiple(*k + 1));
  return {};
}

std::string_view Generaliser::date_text(std::string_view raw, std::string& out) const {
  int64_t seconds = 0;
  if (!format_.parse(raw, seconds)) return "is not a time of the column's format";
  const auto day = day_of(seconds);
  if (!day || int(day->year()) < 0 || int(day->year()) > 9999) return "is a time beyond the years 0 to 9999";
  const int year = int(day->year());
  const unsigned month = unsigned(day->month());
  switch (period_) {
    case Period::kYear: out = fmt::format("{:04}", year); break;
    case Period::kQuarter: out = fmt::format("{:04}-Q{}", year, (month + 2) / 3); break;
    case Period::kMonth: out = fmt::format("{:04}-{:02}", year, month); break;
    case Period::kDay: out = fmt::format("{:04}-{:02}-{:02}", year, month, unsigned(day->day())); break;
  }
  return {};
}

bool Generaliser::number(double& value) const {
  if (std::isnan(value)) return true;
  const std::optional<int64_t> k = step_->nearest(value);
  if (k) value = step_->multiple(*k);
  return k.has_value();
}

bool Generaliser::time(int64_t& seconds) const {
  using namespace std::chrono;
  const auto day = day_of(seconds);
  if (!day) return false;
  year_month_day start = *day;
  if (period_ == Period::kYear) start = day->year() / January / 1;
  if (period_ == Period::kQuarter) start = day->year() / month((unsigned(day->month()) - 1) / 3 * 3 + 1) / 1;
  if (period_ == Period::kMonth) start = day->year() / day->month() / 1;
  seconds = static_cast<int64_t>(sys_days(start).time_since_epoch().count()) * 86400;
  return true;
}

}  // namespace cohort::datasets
