#include "datasets/import/time_step.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "datasets/io/value_parser.h"

namespace cohort::datasets {
namespace {

constexpr int64_t kDaySeconds = 86400;

struct Unit {
  std::string_view name;
  int64_t seconds, months;
};
constexpr std::array<Unit, 7> kUnits{
    {{"s", 1, 0}, {"min", 60, 0}, {"h", 3600, 0}, {"d", kDaySeconds, 0}, {"w", 7 * kDaySeconds, 0}, {"mo", 0, 1}, {"y", 0, 12}}};

/// A time as months since the year 0, the day in the month, and the seconds of the day.
struct MonthTime {
  int64_t month = 0, day = 0, second = 0;
  bool last_day = false;
};

std::chrono::year_month year_month_of(int64_t month) {
  return std::chrono::year(static_cast<int>(month >= 0 ? month / 12 : -((11 - month) / 12))) /
         std::chrono::month(static_cast<unsigned>((month % 12 + 12) % 12 + 1));
}

int64_t days_in(int64_t month) {
  const std::chrono::year_month_day_last last = year_month_of(month) / std::chrono::last;
  return static_cast<int64_t>(static_cast<unsigned>(last.day()));
}

MonthTime month_time(int64_t seconds) {
  const int64_t days = seconds >= 0 ? seconds / kDaySeconds : -((kDaySeconds - 1 - seconds) / kDaySeconds);
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
  MonthTime time;
  time.month = static_cast<int64_t>(static_cast<int>(date.year())) * 12 + static_cast<int64_t>(static_cast<unsigned>(date.month())) - 1;
  time.day = static_cast<int64_t>(static_cast<unsigned>(date.day()));
  time.second = seconds - days * kDaySeconds;
  time.last_day = time.day == days_in(time.month);
  return time;
}

}  // namespace

TimeStep::TimeStep(const std::string& text) : text_(text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  int64_t count = 1;
  const bool numbered = digits == 0 || parse_integer(std::string_view(text).substr(0, digits), count) == Parsed::kValue;
  const std::string_view name = std::string_view(text).substr(digits);
  const auto unit = std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& u) { return u.name == name; });
  if (!numbered || unit == kUnits.end() || count < 1 || count > 1'000'000) {
    throw core::usage_error("\"" + text + "\" is no step of time",
                            "a number and s, min, h, d, w, mo or y: \"15min\", \"1h\", \"1d\", \"1mo\"");
  }
  seconds_ = count * unit->seconds;
  months_ = count * unit->months;
}

bool TimeStep::steps_between(int64_t first, int64_t time, int64_t& steps) const {
  if (months_ == 0) {
    steps = (time - first) / seconds_;
    return steps * seconds_ == time - first;
  }
  const MonthTime from = month_time(first), to = month_time(time);
  steps = (to.month - from.month) / months_;
  if (steps * months_ != to.month - from.month || from.second != to.second) return false;
  return from.day == to.day || (to.last_day && (from.last_day || from.day > to.day));
}

int64_t TimeStep::after(int64_t first, int64_t steps) const {
  if (months_ == 0) return first + steps * seconds_;
  const MonthTime from = month_time(first);
  const int64_t month = from.month + steps * months_;
  const auto day = std::chrono::day(static_cast<unsigned>(std::min(from.day, days_in(month))));
  const std::chrono::sys_days date = year_month_of(month) / day;
  return date.time_since_epoch().count() * kDaySeconds + from.second;
}

}  // namespace cohort::datasets
