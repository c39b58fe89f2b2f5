// Times as text: a format compiled once, read without locale or time zone files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cohort::datasets {

/// `unix_s`, `unix_ms` (whole numbers), `iso8601` (date, then optionally a time, a fraction and a zone), or a pattern of
/// %Y %y %m %d %H %M %S %f (fraction) %b (Jan…Dec) %z (+hh:mm, Z) %% and literal characters. Without a zone a time is UTC.
class TimeFormat {
 public:
  /// Throws Error (usage) on an unknown pattern. "" is iso8601.
  explicit TimeFormat(const std::string& format = "iso8601");

  /// Seconds since 1970 UTC, fractions cut off towards the past. False when the text doesn't fit or names no real time.
  bool parse(std::string_view text, int64_t& seconds) const;

 private:
  enum class Rule { kUnixSeconds, kUnixMilliseconds, kIso8601, kPattern };
  Rule rule_ = Rule::kIso8601;
  std::string pattern_;
};

/// `YYYY-MM-DD HH:MM:SS`, for people.
std::string time_text(int64_t seconds);

}  // namespace cohort::datasets
