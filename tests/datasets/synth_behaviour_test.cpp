#include "datasets/synth/behaviour.h"

#include <array>
#include <chrono>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "core/toml_document.h"
#include "tests/datasets/synth_rows.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kRows = 60'000;
constexpr std::size_t kSegments = kBehaviourSegments.size();

/// The default customers, made once for all tests that look at them.
const SynthRows& customers() {
  static const SynthRows rows("behaviour", BehaviourOptions{}, kRows);
  return rows;
}

std::size_t segment_of(const SynthRows& rows, std::size_t i) { return static_cast<std::size_t>(rows.codes("true_segment")[i]); }

TEST(SynthBehaviour, NothingOfTheEventsComesAfterTheCutOrOutsideTheWindow) {
  const SynthRows& rows = customers();
  for (std::size_t i = 0; i < 20'000; ++i) {
    const auto times = rows.times_of("event_time", i);
    const int64_t cut = rows.at("observed_at").longs[i];
    const double window = std::min(360.0, static_cast<double>(rows.floats("tenure_days")[i]));
    ASSERT_TRUE(std::is_sorted(times.begin(), times.end()));
    if (times.empty()) {
      ASSERT_EQ(rows.floats("recency_days")[i], static_cast<float>(window));
      continue;
    }
    ASSERT_LT(times.back(), cut);
    ASSERT_GE(times.front(), cut - static_cast<int64_t>(window * 86400) - 1);
    ASSERT_NEAR(rows.floats("recency_days")[i], static_cast<double>(cut - times.back()) / 86400, 1e-3);
  }
}

TEST(SynthBehaviour, SequencesAreAlignedAndTheAggregatesAreTheirs) {
  const SynthRows& rows = customers();
  for (std::size_t i = 0; i < 20'000; ++i) {
    const auto times = rows.times_of("event_time", i);
    const auto kinds = rows.codes_of("event_kind", i);
    ASSERT_EQ(rows.floats("events")[i], static_cast<float>(times.size()));
    ASSERT_EQ(rows.codes_of("event_category", i).size(), times.size());
    ASSERT_EQ(rows.codes_of("event_item", i).size(), times.size());
    ASSERT_EQ(kinds.size(), times.size());
    double amount = 0, complaints = 0;
    for (const float value : rows.floats_of("event_amount", i)) amount += std::isnan(value) ? 0 : value;
    const int64_t lately = rows.at("observed_at").longs[i] - 90 * 86400;
    for (std::size_t k = 0; k < kinds.size(); ++k) complaints += kinds[k] == 0 && times[k] >= lately ? 1 : 0;
    ASSERT_NEAR(rows.floats("amount")[i], amount, 1e-4 * amount + 1e-3);
    ASSERT_EQ(rows.floats("complaints")[i], complaints);
    for (std::size_t k = 0; k < kinds.size(); ++k) {
      const int32_t category = rows.codes_of("event_category", i)[k];
      ASSERT_TRUE(category < 0 || rows.codes_of("event_item", i)[k] / 200 == category);
    }
  }
}

TEST(SynthBehaviour, ChurnIsCalibratedOverallInEveryDecileAndInEverySegment) {
  const SynthRows& rows = customers();
  EXPECT_LT(std::fabs(calibration_z(rows.floats("churn"), rows.floats("true_probability"))), 3.5);
  EXPECT_LT(worst_decile_z(rows.floats("churn"), rows.floats("true_probability")), 3.5);
  EXPECT_GT(auc_of(rows.floats("true_probability"), rows.floats("churn")), 0.72);
  for (std::size_t g = 0; g < kSegments; ++g) {
    std::vector<float> label, truth;
    for (std::size_t i = 0; i < kRows; ++i)
      if (segment_of(rows, i) == g) label.push_back(rows.floats("churn")[i]), truth.push_back(rows.floats("true_probability")[i]);
    EXPECT_LT(std::fabs(calibration_z(label, truth)), 3.5) << kBehaviourSegments[g].name;
    EXPECT_NEAR(static_cast<double>(label.size()) / kRows, kBehaviourSegments[g].share, 0.01) << kBehaviourSegments[g].name;
  }
}

TEST(SynthBehaviour, HazardOfTheFirstMonthIsCalibratedAndMonthsAreCensoredAtTheHorizon) {
  const SynthRows& rows = customers();
  std::vector<float> first_month(kRows);
  for (std::size_t i = 0; i < kRows; ++i) {
    const float months = rows.floats("months")[i];
    const bool churned = rows.floats("churn")[i] == 1;
    ASSERT_TRUE(churned ? months == 1 || months == 2 || months == 3 : months == 3);
    first_month[i] = churned && months == 1 ? 1 : 0;
  }
  EXPECT_LT(std::fabs(calibration_z(first_month, rows.floats("true_hazard"))), 3.5);
  EXPECT_LT(worst_decile_z(first_month, rows.floats("true_hazard")), 3.5);
}

TEST(SynthBehaviour, HazardFollowsTheStatedLawInEachOfItsParts) {
  const BehaviourLaw law({}, 1);
  const auto log_odds = [&](const BehaviourLaw::Customer& c, bool offer) {
    const double h = law.hazard(c, offer, 1);
    return std::log(h / (1 - h));
  };
  for (uint64_t row = 0; row < 500; ++row) {
    BehaviourLaw::Customer c = law.customer(row);
    const BehaviourSegment& segment = kBehaviourSegments[c.segment];
    c.recency_days = 0;
    c.complaints = 0;
    const double base = log_odds(c, false);
    const double middle = (static_cast<double>(c.observed_at) - 1577836800 + 15 * 86400) / (365.25 * 86400);
    ASSERT_NEAR(base, segment.leave + 0.4 * std::cos(2 * 3.14159265358979 * (middle - 1.0 / 12)), 1e-9);
    ASSERT_NEAR(log_odds(c, true), base - segment.effect, 1e-9);
    c.recency_days = 60;
    ASSERT_NEAR(log_odds(c, false), base + 0.9 * std::log(3), 1e-9);
    c.complaints = 2;
    ASSERT_NEAR(log_odds(c, false), base + 0.9 * std::log(3) + 1.2, 1e-9);
    c.complaints = 7;
    ASSERT_NEAR(log_odds(c, false), base + 0.9 * std::log(3) + 1.8, 1e-9);
  }
}

TEST(SynthBehaviour, SegmentsBuyAtTheirRates) {
  const SynthRows& rows = customers();
  std::array<double, kSegments> events{}, days{};
  for (std::size_t i = 0; i < kRows; ++i) {
    events[segment_of(rows, i)] += rows.floats("events")[i];
    days[segment_of(rows, i)] += std::min(360.0f, rows.floats("tenure_days")[i]);
  }
  // Over the year the season cancels, where windows are a whole one; short ones leave a little.
  for (std::size_t g = 0; g < kSegments; ++g) {
    EXPECT_NEAR(30 * events[g] / days[g] / kBehaviourSegments[g].rate, 1, 0.05) << kBehaviourSegments[g].name;
  }
}

TEST(SynthBehaviour, TheSeasonOfASegmentHasTheStatedAmplitudeAndPeak) {
  for (const double season : {1.0, 0.0}) {
    BehaviourOptions options;
    options.season = season;
    const SynthRows rows("behaviour", options, kRows);
    // Whole-year windows alone see every time of year alike: 360 days, and the cut is spread over the months.
    std::array<double, kSegments> count{}, cosine{}, sine{};
    for (std::size_t i = 0; i < kRows; ++i) {
      if (rows.floats("tenure_days")[i] < 360) continue;
      for (const int64_t time : rows.times_of("event_time", i)) {
        const double turn = 2 * 3.14159265358979 * ((static_cast<double>(time) - 1577836800) / (365.25 * 86400) - 0.96);
        count[segment_of(rows, i)] += 1;
        cosine[segment_of(rows, i)] += std::cos(turn);
        sine[segment_of(rows, i)] += std::sin(turn);
      }
    }
    for (std::size_t g = 0; g < kSegments; ++g) {
      // The mean of 2 cos under the density 1 + a cos is a.
      EXPECT_NEAR(2 * cosine[g] / count[g], season * kBehaviourSegments[g].swing, 0.03) << kBehaviourSegments[g].name;
      EXPECT_NEAR(2 * sine[g] / count[g], 0, 0.03) << kBehaviourSegments[g].name;
    }
  }
}

TEST(SynthBehaviour, CategoriesStickAsOftenAsStated) {
  BehaviourOptions options;
  options.season = 0;
  options.missing = 0;
  const SynthRows rows("behaviour", options, kRows);
  std::array<double, kSegments> pairs{}, same{};
  for (std::size_t i = 0; i < kRows; ++i) {
    const auto categories = rows.codes_of("event_category", i);
    for (std::size_t k = 1; k < categories.size(); ++k) {
      pairs[segment_of(rows, i)] += 1;
      same[segment_of(rows, i)] += categories[k] == categories[k - 1] ? 1 : 0;
    }
  }
  for (std::size_t g = 0; g < kSegments; ++g) {
    // In the long run a category comes by its share p, and by chance again with p.
    double total = 0, again = 0;
    for (const double weight : kBehaviourTaste[g]) total += weight;
    for (const double weight : kBehaviourTaste[g]) again += weight / total * weight / total;
    const double sticky = kBehaviourSegments[g].sticky;
    EXPECT_NEAR(same[g] / pairs[g], sticky + (1 - sticky) * again, 0.012) << kBehaviourSegments[g].name;
  }
}

TEST(SynthBehaviour, TheNextCategoryIsDrawnFromTheStatedChances) {
  const SynthRows& rows = customers();
  std::array<double, 12> drawn{}, expected{}, variance{};
  double right = 0, best = 0;
  for (std::size_t i = 0; i < kRows; ++i) {
    const auto chances = rows.floats_of("true_next", i);
    ASSERT_EQ(chances.size(), 12u);
    double sum = 0;
    for (std::size_t c = 0; c < 12; ++c) {
      sum += chances[c];
      expected[c] += chances[c];
      variance[c] += chances[c] * (1 - chances[c]);
    }
    ASSERT_NEAR(sum, 1, 1e-5);
    const auto label = static_cast<std::size_t>(rows.codes("next_category")[i]);
    drawn[label] += 1;
    const auto top = static_cast<std::size_t>(std::max_element(chances.begin(), chances.end()) - chances.begin());
    best += chances[top];
    right += top == label ? 1 : 0;
  }
  for (std::size_t c = 0; c < 12; ++c) EXPECT_NEAR(drawn[c], expected[c], 4 * std::sqrt(variance[c])) << kBehaviourCategories[c].name;
  EXPECT_NEAR(right / kRows, best / kRows, 0.01);
  EXPECT_GT(best / kRows, 0.35);
}

TEST(SynthBehaviour, TheOfferFollowsItsPropensityAndWeightingByItFindsTheUplift) {
  const SynthRows& rows = customers();
  std::vector<float> offer(rows.codes("offer").begin(), rows.codes("offer").end());
  EXPECT_LT(std::fabs(calibration_z(offer, rows.floats("propensity"))), 3.5);
  EXPECT_LT(worst_decile_z(offer, rows.floats("propensity")), 3.5);
  double truth = 0, weighted = 0, squares = 0, naive[2] = {0, 0}, count[2] = {0, 0};
  for (std::size_t i = 0; i < kRows; ++i) {
    const double p = rows.floats("propensity")[i], y = rows.floats("churn")[i];
    const double part = offer[i] == 1 ? -y / p : y / (1 - p);
    truth += rows.floats("true_uplift")[i] / kRows;
    weighted += part / kRows;
    squares += part * part;
    naive[offer[i] == 1] += y;
    ++count[offer[i] == 1];
    ASSERT_EQ(rows.floats("true_uplift")[i] < 0, kBehaviourSegments[segment_of(rows, i)].effect < 0);
  }
  const double error = std::sqrt(squares) / kRows;
  EXPECT_NEAR(weighted, truth, 4 * error);
  EXPECT_GT(truth, 0.02);
  // Those who are silent get the offer and leave: without weighting it looks useless.
  EXPECT_LT(naive[0] / count[0] - naive[1] / count[1], truth - 0.01);
}

TEST(SynthBehaviour, ValuesAreMissingWithTheProbabilityAskedFor) {
  BehaviourOptions options;
  options.missing = 0.2;
  const SynthRows rows("behaviour", options, 20'000);
  const auto share = [](const auto& values, auto is_missing) {
    return static_cast<double>(std::count_if(values.begin(), values.end(), is_missing)) / static_cast<double>(values.size());
  };
  const auto nan = [](float x) { return std::isnan(x); };
  const auto none = [](int32_t x) { return x < 0; };
  EXPECT_NEAR(share(rows.floats("age"), nan), 0.2, 0.012);
  EXPECT_NEAR(share(rows.codes("region"), none), 0.2, 0.012);
  EXPECT_NEAR(share(rows.codes("event_category"), none), 0.2, 0.004);
  EXPECT_NEAR(share(rows.floats("event_amount"), nan), 0.2, 0.004);
  EXPECT_EQ(share(rows.codes("event_item"), none), 0);
  EXPECT_GT(missing_in(rows.schema.at("event_time"), rows.at("event_time")), 50u);
}

TEST(SynthBehaviour, CustomersAreObservedAtTheFirstSecondsOfMonths) {
  std::array<int, 36> months{};
  for (const int64_t time : customers().at("observed_at").longs) {
    const auto day = std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds(std::chrono::seconds(time)));
    const std::chrono::year_month_day date(day);
    ASSERT_EQ(std::chrono::sys_seconds(day).time_since_epoch().count(), time);
    ASSERT_EQ(date.day(), std::chrono::day(1));
    ++months.at(static_cast<std::size_t>((static_cast<int>(date.year()) - 2021) * 12) + static_cast<unsigned>(date.month()) - 1);
  }
  for (const int count : months) EXPECT_NEAR(count, kRows / 36.0, 4.5 * std::sqrt(kRows / 36.0));
}

TEST(SynthBehaviour, ItemsThatDontFillTheCategoriesAreAMistake) {
  core::TomlDocument document = core::TomlDocument::parse("", "options");
  document.set("items=1000");
  core::Diagnostics diagnostics(document);
  core::read_options<BehaviourOptions>(document, diagnostics);
  EXPECT_EQ(diagnostics.error_count(), 1u);
}

}  // namespace
}  // namespace cohort::datasets
