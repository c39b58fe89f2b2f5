#include "datasets/io/time_format.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>

#include "core/error.h"

namespace cohort::datasets {
namespace {

constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct Moment {
  int year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0;
  int zone = 0;  ///< seconds east of UTC

  bool seconds(int64_t& result) const {
    using namespace std::chrono;
    const year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                              std::chrono::day(static_cast<unsigned>(day))};
    if (!date.ok() || hour > 23 || minute > 59 || second > 60) return false;
    result = static_cast<int64_t>(sys_days(date).time_since_epoch().count()) * 86400 + hour * 3600 + minute * 60 + second - zone;
    return true;
  }
};

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

bool take_digits(std::string_view& text, std::size_t count, int& value) {
  if (text.size() < count) return false;
  value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return true;
}

bool take_fraction(std::string_view& text) {
  std::size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  text.remove_prefix(digits);
  return digits > 0;
}

bool take_zone(std::string_view& text, int& zone) {
  if (take(text, 'Z')) {
    zone = 0;
    return true;
  }
  const bool west = !text.empty() && text.front() == '-';
  if (!take(text, '+') && !take(text, '-')) return false;
  int hours = 0, minutes = 0;
  if (!take_digits(text, 2, hours)) return false;
  take(text, ':');
  if (!text.empty() && !take_digits(text, 2, minutes)) return false;
  zone = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
  return hours < 24 && minutes < 60;
}

bool take_month_name(std::string_view& text, int& month) {
  for (std::size_t i = 0; i < kMonths.size(); ++i) {
    if (text.starts_with(kMonths[i])) {
      month = static_cast<int>(i) + 1;
      text.remove_prefix(3);
      return true;
    }
  }
  return false;
}

bool parse_iso8601(std::string_view text, Moment& moment) {
  if (!take_digits(text, 4, moment.year) || !take(text, '-') || !take_digits(text, 2, moment.month) || !take(text, '-') ||
      !take_digits(text, 2, moment.day)) {
    return false;
  }
  if (text.empty()) return true;
  if (!take(text, 'T') && !take(text, ' ')) return false;
  if (!take_digits(text, 2, moment.hour) || !take(text, ':') || !take_digits(text, 2, moment.minute)) return false;
  if (take(text, ':')) {
    if (!take_digits(text, 2, moment.second)) return false;
    if (take(text, '.') && !take_fraction(text)) return false;
  }
  return text.empty() || (take_zone(text, moment.zone) && text.empty());
}

bool take_pattern(std::string_view& text, char letter, Moment& moment) {
  switch (letter) {
    case 'Y': return take_digits(text, 4, moment.year);
    case 'y':
      if (!take_digits(text, 2, moment.year)) return false;
      moment.year += moment.year < 69 ? 2000 : 1900;  // as POSIX does
      return true;
    case 'm': return take_digits(text, 2, moment.month);
    case 'd': return take_digits(text, 2, moment.day);
    case 'H': return take_digits(text, 2, moment.hour);
    case 'M': return take_digits(text, 2, moment.minute);
    case 'S': return take_digits(text, 2, moment.second);
    case 'f': return take_fraction(text);
    case 'b': return take_month_name(text, moment.month);
    case 'z': return take_zone(text, moment.zone);
    case '%': return take(text, '%');
    default: return false;
  }
}

bool parse_pattern(const std::string& pattern, std::string_view text, Moment& moment) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '%') {
      if (!take_pattern(text, pattern[++i], moment)) return false;
    } else if (!take(text, pattern[i])) {
      return false;
    }
  }
  return text.empty();
}

}  // namespace

TimeFormat::TimeFormat(const std::string& format) {
  if (format.empty() || format == "iso8601") return;
  if (format == "unix_s" || format == "unix_ms") {
    rule_ = format == "unix_s" ? Rule::kUnixSeconds : Rule::kUnixMilliseconds;
    return;
  }
  rule_ = Rule::kPattern;
  pattern_ = format;
  bool any = false;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') continue;
    if (i + 1 == format.size() || std::string_view("YymdHMSfbz%").find(format[i + 1]) == std::string_view::npos) {
      throw core::usage_error("\"" + format + "\" is no time format: %" + format.substr(i + 1, 1) + " is unknown",
                              "take iso8601, unix_s, unix_ms, or a pattern of %Y %y %m %d %H %M %S %f %b %z");
    }
    any = true;
    ++i;
  }
  if (!any) {
    throw core::usage_error("\"" + format + "\" is no time format",
                            "take iso8601, unix_s, unix_ms, or a pattern such as \"%d.%m.%Y %H:%M\"");
  }
}

bool TimeFormat::parse(std::string_view text, int64_t& seconds) const {
  if (rule_ == Rule::kUnixSeconds || rule_ == Rule::kUnixMilliseconds) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc() || end != text.data() + text.size() || seconds == INT64_MIN) return false;
    if (rule_ == Rule::kUnixMilliseconds) seconds = seconds / 1000 - (seconds % 1000 < 0 ? 1 : 0);
    return true;
  }
  Moment moment;
  const bool fits = rule_ == Rule::kIso8601 ? parse_iso8601(text, moment) : parse_pattern(pattern_, text, moment);
  return fits && moment.seconds(seconds);
}

std::string time_text(int64_t seconds) {
  using namespace std::chrono;
  int64_t days = seconds / 86400;
  int64_t rest = seconds % 86400;
  if (rest < 0) {
    rest += 86400;
    --days;
  }
  // Years before 1 and after 9999 are shown as the number they are.
  if (days < -719'162 || days > 2'932'896) return std::to_string(seconds);
  const year_month_day date{sys_days(std::chrono::days(static_cast<int>(days)))};
  char text[48];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u %02d:%02d:%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), static_cast<int>(rest / 3600),
                static_cast<int>(rest / 60 % 60), static_cast<int>(rest % 60));
  return text;
}

}  // namespace cohort::datasets
