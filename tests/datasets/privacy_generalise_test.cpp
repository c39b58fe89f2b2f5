#include "datasets/privacy/generalise.h"

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "core/toml_document.h"

namespace cohort::datasets {
namespace {

using testing::HasSubstr;

std::string general(const GeneraliseOptions& options, const std::string& raw, const std::string& format = "") {
  std::string out = "untouched";
  const std::string_view problem = Generaliser(options, TimeFormat(format)).text(raw, out);
  return problem.empty() ? out : "! " + std::string(problem);
}

template <class T, class Value>
GeneraliseOptions with(T GeneraliseOptions::*field, Value value) {
  GeneraliseOptions options;
  options.*field = std::move(value);
  return options;
}
GeneraliseOptions bands(std::vector<double> bounds) { return with(&GeneraliseOptions::bands, std::move(bounds)); }
GeneraliseOptions band(double width) { return with(&GeneraliseOptions::band, width); }
GeneraliseOptions rounded(double step) { return with(&GeneraliseOptions::round, step); }
GeneraliseOptions prefix(int64_t characters) { return with(&GeneraliseOptions::prefix, characters); }
GeneraliseOptions date(const std::string& period) { return with(&GeneraliseOptions::date, period); }

TEST(Generaliser, PutsNumbersIntoBands) {
  const GeneraliseOptions ages = bands({18, 25, 35.5});
  EXPECT_EQ(general(ages, "17.99"), "(-inf,18)");
  EXPECT_EQ(general(ages, "18"), "[18,25)");
  EXPECT_EQ(general(ages, " 24.9 "), "[18,25)");
  EXPECT_EQ(general(ages, "25"), "[25,35.5)");
  EXPECT_EQ(general(ages, "1e9"), "[35.5,inf)");
  EXPECT_EQ(general(bands({0}), "-0.0"), "[0,inf)");
}

TEST(Generaliser, PutsNumbersIntoBandsOfOneWidth) {
  EXPECT_EQ(general(band(10), "29.99"), "[20,30)");
  EXPECT_EQ(general(band(10), "30"), "[30,40)");
  EXPECT_EQ(general(band(10), "-0.5"), "[-10,0)");
  EXPECT_EQ(general(band(10), "0"), "[0,10)");
  EXPECT_EQ(general(band(2.5), "7.4999"), "[5,7.5)");
}

// 0.3/0.1 is below 3 in floating point, and 3·0.1 above 0.3.
TEST(Generaliser, TakesDecimalWidthsAsTheyAreWritten) {
  for (int k = -1000; k < 1000; ++k) {
    const std::string low = fmt::format("{}", k / 10.0), high = fmt::format("{}", (k + 1) / 10.0);
    EXPECT_EQ(general(band(0.1), low), "[" + low + "," + high + ")");
    EXPECT_EQ(general(band(0.1), fmt::format("{}", std::nextafter((k + 1) / 10.0, -1e9))), "[" + low + "," + high + ")");
  }
}

TEST(Generaliser, RoundsNumbers) {
  EXPECT_EQ(general(rounded(1000), "12499.99"), "12000");
  EXPECT_EQ(general(rounded(1000), "12500"), "13000");
  EXPECT_EQ(general(rounded(1000), "-12500"), "-13000");
  EXPECT_EQ(general(rounded(0.1), "0.15"), "0.2");
  EXPECT_EQ(general(rounded(0.1), "-0.25"), "-0.3");
  EXPECT_EQ(general(rounded(0.1), "0.3"), "0.3");
  EXPECT_EQ(general(rounded(0.25), "7"), "7.00");
  EXPECT_EQ(general(rounded(5), "-1"), "0");
}

TEST(Generaliser, RoundsNumbersOfDenseColumns) {
  const Generaliser generaliser(rounded(0.05));
  double value = 1.23;
  EXPECT_TRUE(generaliser.number(value));
  EXPECT_EQ(value, 1.25);
  value = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(generaliser.number(value));
  EXPECT_TRUE(std::isnan(value));
}

TEST(Generaliser, RefusesWhatItCantMakeCoarser) {
  EXPECT_EQ(general(bands({1}), "abc"), "! is not a number");
  EXPECT_EQ(general(band(10), ""), "! is not a number");
  EXPECT_EQ(general(band(10), "1e400"), "! is beyond the range of float64");
  EXPECT_EQ(general(band(10), "1e17"), "! is too large for steps of this width");
  double value = 1e300;
  EXPECT_FALSE(Generaliser(rounded(1)).number(value));
  EXPECT_EQ(general(date("month"), "2024-13-01"), "! is not a time of the column's format");
  EXPECT_EQ(general(date("month"), "999999999999", "unix_s"), "! is a time beyond the years 0 to 9999");
}

TEST(Generaliser, KeepsTheFirstCharacters) {
  EXPECT_EQ(general(prefix(3), "98107-2117"), "981");
  EXPECT_EQ(general(prefix(3), "ab"), "ab");
  EXPECT_EQ(general(prefix(3), "北京市海淀区"), "北京市");
  EXPECT_EQ(general(prefix(2), "é\u20acx"), "é\u20ac");
  EXPECT_EQ(general(prefix(1), " x"), " ");
}

TEST(Generaliser, MakesDatesPeriods) {
  EXPECT_EQ(general(date("day"), "2011-03-07 23:59:59"), "2011-03-07");
  EXPECT_EQ(general(date("month"), "2011-03-07"), "2011-03");
  EXPECT_EQ(general(date("quarter"), "2011-03-31"), "2011-Q1");
  EXPECT_EQ(general(date("quarter"), "2011-12-01"), "2011-Q4");
  EXPECT_EQ(general(date("year"), "29.02.2024", "%d.%m.%Y"), "2024");
  EXPECT_EQ(general(date("day"), "2011-03-07T00:30:00+02:00"), "2011-03-06") << "in UTC";
}

TEST(Generaliser, MovesTimesToTheStartOfTheirPeriod) {
  const auto start = [](const std::string& period, const std::string& text) {
    int64_t seconds = 0;
    EXPECT_TRUE(TimeFormat().parse(text, seconds));
    EXPECT_TRUE(Generaliser(date(period)).time(seconds));
    return time_text(seconds);
  };
  EXPECT_EQ(start("day", "2024-02-29 12:34:56"), "2024-02-29 00:00:00");
  EXPECT_EQ(start("month", "2024-02-29 12:34:56"), "2024-02-01 00:00:00");
  EXPECT_EQ(start("quarter", "2024-06-30 23:59:59"), "2024-04-01 00:00:00");
  EXPECT_EQ(start("year", "1969-12-31 23:59:59"), "1969-01-01 00:00:00");
  int64_t seconds = INT64_MAX;
  EXPECT_FALSE(Generaliser(date("month")).time(seconds));
  seconds = INT64_MIN;
  EXPECT_FALSE(Generaliser(date("month")).time(seconds));
}

TEST(DecimalStep, TellsStepsThatItCantWriteExactly) {
  for (const double step : {1.0, 0.1, 0.25, 1e-9, 1000.0, 0.3, 123.456}) EXPECT_TRUE(DecimalStep::fits(step)) << step;
  for (const double step : {0.0, -1.0, 1e-10, 1.0 / 3, 1e17, std::numeric_limits<double>::infinity(), std::nan("")})
    EXPECT_FALSE(DecimalStep::fits(step)) << step;
}

std::string mistakes(const std::string& toml) {
  const core::TomlDocument document = core::TomlDocument::parse(toml, "import.toml");
  core::Diagnostics diagnostics(document);
  core::read_options<GeneraliseOptions>(document, diagnostics);
  return diagnostics.text();
}

TEST(GeneraliseOptions, TakeExactlyOneWay) {
  EXPECT_EQ(mistakes("bands = [18, 25]"), "");
  EXPECT_EQ(mistakes("band = 10"), "");
  EXPECT_EQ(mistakes("date = \"quarter\""), "");
  EXPECT_THAT(mistakes("band = 10\nround = 5"), HasSubstr("a column is generalised in one way"));
  EXPECT_THAT(mistakes(""), HasSubstr("exactly one of bands, band, prefix, date and round"));
  EXPECT_THAT(mistakes("bands = [25, 18]"), HasSubstr("ascend"));
  EXPECT_THAT(mistakes("bands = [18, 18]"), HasSubstr("ascend"));
  EXPECT_THAT(mistakes("band = 0"), HasSubstr("band"));
  EXPECT_THAT(mistakes("round = 0.33333333333"), HasSubstr("nine decimals"));
  EXPECT_THAT(mistakes("prefix = 0"), HasSubstr("prefix"));
  EXPECT_THAT(mistakes("date = \"week\""), HasSubstr("week"));
}

TEST(GeneraliseOptions, SuitTheKindOfTheColumn) {
  EXPECT_EQ(generalise_problem(bands({1}), Kind::kCategorical), "");
  EXPECT_EQ(generalise_problem(prefix(3), Kind::kId), "");
  EXPECT_EQ(generalise_problem(date("month"), Kind::kTime), "");
  EXPECT_EQ(generalise_problem(rounded(10), Kind::kDense), "");
  EXPECT_THAT(generalise_problem(bands({1}), Kind::kDense), HasSubstr("kind dense"));
  EXPECT_THAT(generalise_problem(prefix(3), Kind::kTime), HasSubstr("kind time"));
  EXPECT_THAT(generalise_problem(date("month"), Kind::kDense), HasSubstr("kind dense"));
  EXPECT_THAT(generalise_problem(rounded(10), Kind::kLabel), HasSubstr("kind label"));
}

}  // namespace
}  // namespace cohort::datasets
