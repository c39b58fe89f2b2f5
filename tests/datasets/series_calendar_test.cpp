#include <gtest/gtest.h>

#include "core/error.h"
#include "datasets/import/calendar_fields.h"
#include "datasets/import/time_step.h"
#include "datasets/io/time_format.h"

namespace cohort::datasets {
namespace {

int64_t seconds_of(const std::string& text) {
  int64_t seconds = 0;
  EXPECT_TRUE(TimeFormat().parse(text, seconds)) << text;
  return seconds;
}

int field_of(const std::string& name, const std::string& text) { return calendar_value(calendar_field(name), seconds_of(text)); }

int64_t steps_of(const std::string& step, const std::string& first, const std::string& time) {
  int64_t steps = 0;
  return TimeStep(step).steps_between(seconds_of(first), seconds_of(time), steps) ? steps : -999;
}

TEST(SeriesCalendar, WeeksAreThoseOfIso8601) {
  EXPECT_EQ(field_of("week", "2021-01-03"), 53);  // a Sunday of the week that began in 2020
  EXPECT_EQ(field_of("week", "2021-01-04"), 1);
  EXPECT_EQ(field_of("week", "2018-12-31"), 1);
  EXPECT_EQ(field_of("week", "2016-12-31"), 52);
}

TEST(SeriesCalendar, FieldsOfALeapDayBeforeMidnight) {
  const std::string time = "2020-02-29 23:59:59";
  EXPECT_EQ(field_of("minute", time), 59);
  EXPECT_EQ(field_of("hour", time), 23);
  EXPECT_EQ(field_of("weekday", time), 5);
  EXPECT_EQ(field_of("weekend", time), 1);
  EXPECT_EQ(field_of("day", time), 29);
  EXPECT_EQ(field_of("day_of_year", time), 60);
  EXPECT_EQ(field_of("month", time), 2);
  EXPECT_EQ(field_of("quarter", time), 1);
  EXPECT_EQ(field_of("day_of_year", "2020-12-31"), 366);
}

TEST(SeriesCalendar, TimesBefore1970) {
  EXPECT_EQ(field_of("hour", "1969-12-31 23:00:00"), 23);
  EXPECT_EQ(field_of("weekday", "1969-12-31 23:00:00"), 2);
  EXPECT_EQ(field_of("month", "1969-12-31 23:00:00"), 12);
}

TEST(TimeStep, CountsWholeSteps) {
  EXPECT_EQ(steps_of("15min", "2020-01-01 00:00:00", "2020-01-01 01:00:00"), 4);
  EXPECT_EQ(steps_of("1d", "2020-02-28", "2020-03-01"), 2);
  EXPECT_EQ(steps_of("1h", "2020-01-01 00:00:00", "2020-01-01 00:30:00"), -999);
  EXPECT_EQ(steps_of("1mo", "2020-01-15", "2021-03-15"), 14);
  EXPECT_EQ(steps_of("1mo", "2020-01-15", "2020-02-16"), -999);
  EXPECT_EQ(steps_of("y", "2020-02-29", "2021-02-28"), 1);
  EXPECT_EQ(steps_of("2mo", "2020-01-01", "2020-02-01"), -999);
}

TEST(TimeStep, MonthsKeepTheLastDay) {
  EXPECT_EQ(steps_of("1mo", "2021-01-31", "2021-02-28"), 1);
  EXPECT_EQ(steps_of("1mo", "2021-02-28", "2021-03-31"), 1);
  EXPECT_EQ(time_text(TimeStep("1mo").after(seconds_of("2020-01-31 06:00:00"), 1)), "2020-02-29 06:00:00");
  EXPECT_EQ(time_text(TimeStep("1mo").after(seconds_of("2020-01-31 06:00:00"), -2)), "2019-11-30 06:00:00");
}

TEST(TimeStep, RefusesWhatIsNoStep) {
  for (const char* text : {"0h", "1 h", "h1", "1x", "-1h", "1.5h"}) EXPECT_THROW(TimeStep{text}, core::Error) << text;
}

}  // namespace
}  // namespace cohort::datasets
