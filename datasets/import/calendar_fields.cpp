#include "datasets/import/calendar_fields.h"

#include <chrono>

namespace cohort::datasets {
namespace {

constexpr int64_t kSecondsOfDay = 86400;

int day_of_year(std::chrono::sys_days day) {
  const std::chrono::year_month_day date(day);
  return static_cast<int>((day - std::chrono::sys_days(date.year() / std::chrono::January / 1)).count()) + 1;
}

}  // namespace

const std::vector<CalendarField>& calendar_fields() {
  static const std::vector<CalendarField> fields{{"minute", 0, 59}, {"hour", 0, 23},         {"weekday", 0, 6},
                                                 {"day", 1, 31},    {"day_of_year", 1, 366}, {"week", 1, 53},
                                                 {"month", 1, 12},  {"quarter", 1, 4},       {"weekend", 0, 1, false}};
  return fields;
}

std::size_t calendar_field(const std::string& name) {
  std::size_t number = 0;
  while (number < calendar_fields().size() && calendar_fields()[number].name != name) ++number;
  return number;
}

int calendar_value(std::size_t number, int64_t seconds) {
  const int64_t days = seconds >= 0 ? seconds / kSecondsOfDay : -((kSecondsOfDay - 1 - seconds) / kSecondsOfDay);
  const int64_t second = seconds - days * kSecondsOfDay;
  if (number == 0) return static_cast<int>(second / 60 % 60);
  if (number == 1) return static_cast<int>(second / 3600);
  const std::chrono::sys_days day{std::chrono::days(days)};
  const int weekday = static_cast<int>(std::chrono::weekday(day).iso_encoding()) - 1;
  if (number == 2) return weekday;
  if (number == 8) return weekday >= 5 ? 1 : 0;
  if (number == 4) return day_of_year(day);
  // A week belongs to the year of its Thursday.
  if (number == 5) return (day_of_year(day + std::chrono::days(3 - weekday)) - 1) / 7 + 1;
  const std::chrono::year_month_day date(day);
  const int month = static_cast<int>(static_cast<unsigned>(date.month()));
  if (number == 3) return static_cast<int>(static_cast<unsigned>(date.day()));
  return number == 6 ? month : (month - 1) / 3 + 1;
}

}  // namespace cohort::datasets
