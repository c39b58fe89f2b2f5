#include "datasets/io/value_parser.h"

#include <cmath>

#include <gtest/gtest.h>

#include "core/error.h"
#include "datasets/io/time_format.h"

namespace cohort::datasets {
namespace {

Parsed parse_float(const std::string& text, float* out = nullptr) {
  float value = 0;
  const Parsed parsed = parse_number(text, value);
  if (out != nullptr) *out = value;
  return parsed;
}

TEST(ParseNumber, GivesTheNearestFloat) {
  float value = 0;
  EXPECT_EQ(parse_float("0.1", &value), Parsed::kValue);
  EXPECT_EQ(value, 0.1f);
  // Halfway between two floats; rounding through double first would give the other one.
  EXPECT_EQ(parse_float("1.00000017881393432617187499", &value), Parsed::kValue);
  EXPECT_EQ(value, 1.00000011920928955078125f);
  EXPECT_EQ(parse_float("-1.5e-3", &value), Parsed::kValue);
  EXPECT_EQ(value, -1.5e-3f);
  EXPECT_EQ(parse_float("+7", &value), Parsed::kValue);
  EXPECT_EQ(value, 7.0f);
}

TEST(ParseNumber, RefusesWhatIsNoFiniteNumber) {
  for (const char* text : {"", "x", "1x", "1,5", "0x10", "nan", "inf", "-infinity", "+-1", "1 2", "--1", "."}) {
    EXPECT_EQ(parse_float(text), Parsed::kNotANumber) << text;
  }
}

TEST(ParseNumber, TellsOutOfRange) {
  EXPECT_EQ(parse_float("1e39"), Parsed::kOutOfRange);
  EXPECT_EQ(parse_float("-1e39"), Parsed::kOutOfRange);
  double value = 0;
  EXPECT_EQ(parse_number("1e39", value), Parsed::kValue);
  EXPECT_EQ(parse_number("1e400", value), Parsed::kOutOfRange);
}

TEST(ParseInteger, KeepsToTheType) {
  int64_t value = 0;
  uint64_t wide = 0;
  EXPECT_EQ(parse_integer("-9223372036854775808", value), Parsed::kValue);
  EXPECT_EQ(value, INT64_MIN);
  EXPECT_EQ(parse_integer("9223372036854775808", value), Parsed::kOutOfRange);
  EXPECT_EQ(parse_integer("18446744073709551615", wide), Parsed::kValue);
  EXPECT_EQ(wide, UINT64_MAX);
  EXPECT_EQ(parse_integer("-1", wide), Parsed::kNotANumber);
  EXPECT_EQ(parse_integer("1.0", value), Parsed::kNotANumber);
  EXPECT_EQ(parse_integer("", value), Parsed::kNotANumber);
}

TEST(Trimmed, TakesSpacesAndTabsOff) {
  EXPECT_EQ(trimmed(" \t a b \t"), "a b");
  EXPECT_EQ(trimmed("   "), "");
}

TEST(MissingMarkers, HoldTheEmptyTextAlways) {
  EXPECT_TRUE(MissingMarkers().holds(""));
  EXPECT_FALSE(MissingMarkers().holds("NA"));
  EXPECT_TRUE(MissingMarkers({"NA", "-1"}).holds("-1"));
}

int64_t seconds_of(const std::string& format, const std::string& text) {
  int64_t seconds = -1;
  EXPECT_TRUE(TimeFormat(format).parse(text, seconds)) << text;
  return seconds;
}
bool refused(const std::string& format, const std::string& text) {
  int64_t seconds = 0;
  return !TimeFormat(format).parse(text, seconds);
}

TEST(TimeFormat, ReadsIso8601) {
  EXPECT_EQ(seconds_of("iso8601", "1970-01-01"), 0);
  EXPECT_EQ(seconds_of("", "2024-02-29T12:34:56"), 1709210096);
  EXPECT_EQ(seconds_of("", "2024-02-29 12:34:56.789Z"), 1709210096);
  EXPECT_EQ(seconds_of("", "2024-02-29 14:34:56+02:00"), 1709210096);
  EXPECT_EQ(seconds_of("", "2024-02-29 12:34"), 1709210040);
  EXPECT_EQ(seconds_of("", "1969-12-31T23:59:59"), -1);
  for (const char* text : {"2023-02-29", "2024-13-01", "2024-01-01T25:00", "2024-1-1", "2024-01-01x", "20240101", ""}) {
    EXPECT_TRUE(refused("", text)) << text;
  }
}

TEST(TimeFormat, ReadsPatterns) {
  EXPECT_EQ(seconds_of("%d.%m.%Y %H:%M:%S", "29.02.2024 12:34:56"), 1709210096);
  EXPECT_EQ(seconds_of("%y%m%d%H", "14102100"), 1413849600);
  EXPECT_EQ(seconds_of("%d %b %Y", "29 Feb 2024"), 1709164800);
  EXPECT_TRUE(refused("%d.%m.%Y", "29.02.2024 "));
}

TEST(TimeFormat, ReadsUnixTimes) {
  EXPECT_EQ(seconds_of("unix_s", "-5"), -5);
  EXPECT_EQ(seconds_of("unix_ms", "1999"), 1);
  EXPECT_EQ(seconds_of("unix_ms", "-1"), -1);
  EXPECT_TRUE(refused("unix_s", "1.5"));
}

TEST(TimeFormat, RefusesUnknownPatterns) {
  EXPECT_THROW(TimeFormat("%Q"), core::Error);
  EXPECT_THROW(TimeFormat("%"), core::Error);
  EXPECT_THROW(TimeFormat("yyyy-mm-dd"), core::Error);
}

TEST(TimeText, ShowsDates) {
  EXPECT_EQ(time_text(1709210096), "2024-02-29 12:34:56");
  EXPECT_EQ(time_text(-1), "1969-12-31 23:59:59");
  EXPECT_EQ(time_text(INT64_MAX), "9223372036854775807");
}

}  // namespace
}  // namespace cohort::datasets
