#include "datasets/synth/demand.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "tests/datasets/synth_rows.h"

namespace cohort::datasets {
namespace {

TEST(SynthDemand, WindowsOfOneSeriesOverlapInTheSameValues) {
  DemandOptions options;
  options.series = 4;
  options.missing = 0;
  const SynthRows rows("demand", options, 40);
  const auto stride = static_cast<std::ptrdiff_t>(options.stride);
  for (std::size_t i = 0; i + 4 < 40; ++i) {
    const auto history = rows.floats_of("history", i), later = rows.floats_of("history", i + 4);
    const auto future = rows.floats_of("future", i);
    ASSERT_EQ(history.size(), 56u);
    ASSERT_EQ(future.size(), 14u);
    ASSERT_EQ(rows.codes("series")[i], rows.codes("series")[i + 4]);
    ASSERT_EQ(rows.at("origin").longs[i + 4] - rows.at("origin").longs[i], options.stride * 86400);
    ASSERT_TRUE(std::equal(history.begin() + stride, history.end(), later.begin()));
    ASSERT_TRUE(std::equal(future.begin(), future.begin() + stride, later.end() - stride));
    const auto promotion = rows.floats_of("future_promotion", i), known = rows.floats_of("history_promotion", i + 4);
    ASSERT_TRUE(std::equal(promotion.begin(), promotion.begin() + stride, known.end() - stride));
  }
}

TEST(SynthDemand, RowsAreInOrderOfTimeAndNameSeriesStoreAndItem) {
  DemandOptions options;
  options.series = 120;
  const SynthRows rows("demand", options, 600);
  EXPECT_TRUE(std::is_sorted(rows.at("origin").longs.begin(), rows.at("origin").longs.end()));
  EXPECT_EQ(rows.at("origin").longs.front(), 1420070400 + 56 * 86400);
  for (std::size_t i = 0; i < 600; ++i) {
    ASSERT_EQ(rows.codes("series")[i], static_cast<int32_t>(i % 120));
    ASSERT_EQ(rows.codes("store")[i], rows.codes("series")[i] / 50);
    ASSERT_EQ(rows.codes("item")[i], rows.codes("series")[i] % 50);
  }
}

TEST(SynthDemand, TheTruthIsTheMeanOfWhatIsSoldInBothPatterns) {
  DemandOptions options;
  options.stride = options.horizon;  // no day is in two windows
  const SynthRows rows("demand", options, 20'000);
  for (const int32_t pattern : {0, 1}) {
    double difference = 0, squares = 0, sold = 0;
    for (std::size_t i = 0; i < 20'000; ++i) {
      if (rows.codes("true_pattern")[i] != pattern) continue;
      const auto future = rows.floats_of("future", i), truth = rows.floats_of("true_future", i);
      for (std::size_t t = 0; t < 14; ++t) {
        const double d = future[t] - truth[t];
        difference += d;
        squares += d * d;
        sold += future[t];
      }
    }
    EXPECT_LT(std::fabs(difference), 4 * std::sqrt(squares)) << pattern;
    EXPECT_LT(std::sqrt(squares), 0.02 * sold) << pattern;
  }
  for (std::size_t i = 0; i < 20'000; ++i) {
    const auto future = rows.floats_of("future", i), truth = rows.floats_of("true_future", i);
    double sold = 0, mean = 0;
    for (std::size_t t = 0; t < 14; ++t) sold += future[t], mean += truth[t];
    ASSERT_EQ(rows.floats("demand")[i], sold);
    ASSERT_NEAR(rows.floats("true_demand")[i], mean, 1e-4 * mean);
    for (const float value : future) ASSERT_TRUE(value >= 0 && value == std::floor(value));
  }
}

TEST(SynthDemand, ARegularDayHasTheStatedVariance) {
  DemandOptions options;
  options.intermittent = 0;
  const DemandLaw law(options, 1);
  double sum = 0, expected = 0, n = 0;
  for (uint64_t number = 0; number < 200; ++number) {
    const DemandLaw::Series series = law.series(number);
    for (int64_t t = 0; t < 500; ++t) {
      const DemandLaw::Day day = law.day(series, t);
      const double variance = day.mean + 0.05 * day.mean * day.mean;
      sum += (day.sold - day.mean) * (day.sold - day.mean) / variance;
      expected += 1 + 0.15 / variance;  // rounding adds between nothing and a quarter
      ++n;
    }
  }
  EXPECT_NEAR(sum / n, expected / n, 0.03);
}

TEST(SynthDemand, IntermittentSeriesSellOnTheStatedShareOfDays) {
  const DemandLaw law({}, 1);
  double intermittent = 0;
  for (uint64_t number = 0; number < 500; ++number) {
    const DemandLaw::Series series = law.series(number);
    intermittent += series.intermittent ? 1 : 0;
    if (!series.intermittent) {
      ASSERT_EQ(series.occurs, 1);
      continue;
    }
    double days = 0, chances = 0, variance = 0;
    for (int64_t t = 0; t < 1000; ++t) {
      const DemandLaw::Day day = law.day(series, t);
      // A day on which the size is rounded down to nothing doesn't show: look at sizes well above one.
      if (day.mean / series.occurs < 12) continue;
      days += day.sold > 0 ? 1 : 0;
      chances += series.occurs;
      variance += series.occurs * (1 - series.occurs);
    }
    if (variance > 20) {
      EXPECT_NEAR(days, chances, 4.5 * std::sqrt(variance)) << number;
    }
    ASSERT_TRUE(series.occurs >= 0.05 && series.occurs <= 0.4);
  }
  EXPECT_NEAR(intermittent / 500, 0.3, 0.07);
}

/// Means of the first series whose level is well above noise, over many days.
struct Measured {
  explicit Measured(const DemandOptions& options) : law(options, 1) {
    for (uint64_t number = 0;; ++number) {
      series = law.series(number);
      if (!series.intermittent && series.level > 20 && series.year > 0.2 * options.season) break;
    }
  }
  DemandLaw law;
  DemandLaw::Series series;
};

TEST(SynthDemand, TheWeekIsFoundInWhatIsSold) {
  DemandOptions options;
  options.wander = 0;
  const Measured m(options);
  std::vector<double> sold(7), mean(7);
  for (int64_t t = 0; t < 7 * 1500; ++t) {
    const DemandLaw::Day day = m.law.day(m.series, t);
    sold[static_cast<std::size_t>((t + 3) % 7)] += day.sold;
    mean[static_cast<std::size_t>((t + 3) % 7)] += day.mean;
  }
  const double whole = sold[0] + sold[1] + sold[2] + sold[3] + sold[4] + sold[5] + sold[6];
  const double shape[7] = {-0.25, -0.2, -0.1, 0, 0.1, 0.25, 0.2};
  for (std::size_t d = 0; d < 7; ++d) {
    EXPECT_NEAR(sold[d] / mean[d], 1, 0.05);
    EXPECT_NEAR(7 * sold[d] / whole, 1 + m.series.week * shape[d], 0.06) << d;
  }
}

TEST(SynthDemand, TheSeasonOfTheYearHasTheStatedAmplitude) {
  DemandOptions options;
  options.wander = options.trend = options.promotion = 0;
  const Measured m(options);
  double cosine = 0, sold = 0;
  for (int64_t t = 0; t < 1461 * 5; ++t) {
    const double y = m.law.day(m.series, t).sold;
    cosine += y * std::cos(2 * 3.14159265358979 * (static_cast<double>(t) / 365.25 - m.series.phase));
    sold += y;
  }
  EXPECT_NEAR(2 * cosine / sold, m.series.year, 0.03);
}

TEST(SynthDemand, TrendPromotionAndWanderFollowTheStatedLaw) {
  DemandOptions plain;
  plain.wander = plain.trend = plain.promotion = plain.season = 0;
  DemandOptions trend = plain, promotion = plain, wander = plain;
  trend.trend = 1;
  promotion.promotion = 1;
  wander.wander = 0.3;
  const DemandLaw flat(plain, 1), rising(trend, 1), promoted(promotion, 1), wandering(wander, 1);
  double promotions = 0, squares = 0, n = 0;
  for (uint64_t number = 0; number < 200; ++number) {
    const DemandLaw::Series a = flat.series(number), b = rising.series(number), c = promoted.series(number), d = wandering.series(number);
    for (const int64_t t : {0, 700, 3652}) {
      const double years = static_cast<double>(t) / 365.25;
      ASSERT_NEAR(flat.mean(a, t), a.level, 1e-12 * a.level);
      ASSERT_NEAR(rising.mean(b, t), a.level * std::exp(b.growth * years / (1 + years / 10)), 1e-9 * a.level);
      ASSERT_NEAR(promoted.mean(c, t), a.level * (promoted.promotion(c, t) ? 1 + c.lift : 1), 1e-9 * a.level);
    }
    ASSERT_TRUE(c.lift >= 0.3 && c.lift <= 1);
    for (int64_t t = 0; t < 7 * 50; ++t) promotions += promoted.promotion(c, t) ? 1 : 0;
    // At the knots the wander is standard normal.
    for (int64_t k = 1; k < 20; ++k) {
      const double w = std::log(wandering.mean(d, 28 * k - d.offset) / d.level) / 0.3;
      squares += w * w;
      ++n;
    }
  }
  EXPECT_NEAR(promotions / (200 * 350), 0.1, 0.012);
  EXPECT_NEAR(squares / n, 1, 0.1);
}

TEST(SynthDemand, PromotionsLastWholeWeeks) {
  const DemandLaw law({}, 1);
  const DemandLaw::Series series = law.series(0);
  for (int64_t t = 1; t < 2000; ++t) {
    if ((t + 3) % 7 == 0) continue;  // a Monday
    ASSERT_EQ(law.promotion(series, t), law.promotion(series, t - 1)) << t;
  }
}

TEST(SynthDemand, HistoryIsMissingWithTheProbabilityAskedFor) {
  DemandOptions options;
  options.missing = 0.1;
  const SynthRows rows("demand", options, 2000);
  const auto& history = rows.floats("history");
  const double missing = static_cast<double>(std::count_if(history.begin(), history.end(), [](float x) { return std::isnan(x); }));
  EXPECT_NEAR(missing / static_cast<double>(history.size()), 0.1, 0.005);
  for (const float value : rows.floats("future")) ASSERT_FALSE(std::isnan(value));
}

TEST(SynthDemand, ThereAreAsManyRowsAsOriginsThatLeaveRoomForTheHorizon) {
  DemandOptions options;
  options.series = 3;
  const Generator& demand = generator("demand");
  const uint64_t most = demand.most_rows(&options);
  const SynthRows last("demand", options, 3, 1, most - 3);
  const int64_t day = (last.at("origin").longs.back() - 1420070400) / 86400;
  EXPECT_LE(day + options.horizon, kDemandDays);
  EXPECT_GT(day + options.horizon + options.stride, kDemandDays);
}

}  // namespace
}  // namespace cohort::datasets
