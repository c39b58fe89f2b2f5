#include "datasets/synth/clicks.h"

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/toml_document.h"
#include "tests/datasets/synth_rows.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kRows = 100'000;

/// The parts of the log-odds of every row, from its columns.
std::vector<ClicksLaw::Parts> parts_of(const SynthRows& clicks, const ClicksOptions& options, const ClicksLaw& law) {
  std::vector<float> dense(static_cast<std::size_t>(options.dense));
  std::vector<int32_t> codes(static_cast<std::size_t>(options.categorical));
  std::vector<ClicksLaw::Parts> parts;
  for (std::size_t i = 0; i < clicks.block.row.size(); ++i) {
    for (std::size_t j = 0; j < dense.size(); ++j) dense[j] = clicks.floats("d" + std::to_string(j + 1))[i];
    for (std::size_t f = 0; f < codes.size(); ++f) codes[f] = clicks.codes("c" + std::to_string(f + 1))[i];
    parts.push_back(law.parts(dense, codes));
  }
  return parts;
}

/// The best sum of functions of single columns for the log-odds, in least squares: columns are independent, so the sum of their
/// conditional means.
std::vector<double> best_additive(const SynthRows& clicks, const ClicksOptions& options, const std::vector<double>& log_odds) {
  const double mean = mean_of(log_odds);
  std::vector<double> result(log_odds.size(), mean);
  const auto add = [&](const auto& values, auto key_of) {
    std::map<int, std::pair<double, double>> sums;
    const auto key = [&](std::size_t i) { return key_of(values[i]); };
    for (std::size_t i = 0; i < values.size(); ++i) {
      auto& [sum, count] = sums[key(i)];
      sum += log_odds[i] - mean;
      count += 1;
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto& [sum, count] = sums[key(i)];
      if (count >= 20) result[i] += sum / count;
    }
  };
  for (int64_t j = 1; j <= options.dense; ++j) {
    add(clicks.floats("d" + std::to_string(j)), [](float x) { return std::isnan(x) ? -1 : static_cast<int>(10 * std::log1p(x)); });
  }
  for (int64_t f = 1; f <= options.categorical; ++f) {
    add(clicks.codes("c" + std::to_string(f)), [](int32_t code) { return code; });
  }
  return result;
}

TEST(SynthClicks, HasTheRateAskedForAndATruthThatIsCalibrated) {
  for (const double rate : {0.02, 0.25, 0.6}) {
    ClicksOptions options;
    options.rate = rate;
    const SynthRows clicks("clicks", options, kRows);
    EXPECT_NEAR(mean_of(clicks.floats("click")), rate, 0.05 * rate + 0.002) << rate;
    EXPECT_LT(std::fabs(calibration_z(clicks.floats("click"), clicks.floats("true_probability"))), 3.5) << rate;
    EXPECT_LT(worst_decile_z(clicks.floats("click"), clicks.floats("true_probability")), 3.5) << rate;
  }
}

TEST(SynthClicks, TheTruthCanBeToldFromTheColumns) {
  const ClicksOptions options;
  const ClicksLaw law(options, 2);
  const SynthRows clicks("clicks", options, 3000, 2);
  const auto parts = parts_of(clicks, options, law);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const double log_odds = law.intercept() + options.additive_effect * parts[i].additive + options.crossed_effect * parts[i].crossed;
    ASSERT_EQ(static_cast<float>(1 / (1 + core::portable_exp(-log_odds))), clicks.floats("true_probability")[i]) << i;
  }
}

TEST(SynthClicks, TheCrossesAreWhatAnAdditiveModelCantReach) {
  ClicksOptions options;
  options.ids = 200;
  double gap[2] = {0, 0};
  for (const bool crossed : {false, true}) {
    options.crossed_effect = crossed ? 1.2 : 0;
    const ClicksLaw law(options, 1);
    const SynthRows clicks("clicks", options, kRows);
    std::vector<double> log_odds;
    for (const auto& parts : parts_of(clicks, options, law)) log_odds.push_back(law.log_odds(parts));
    const double truth = auc_of(clicks.floats("true_probability"), clicks.floats("click"));
    gap[crossed] = truth - auc_of(best_additive(clicks, options, log_odds), clicks.floats("click"));
    EXPECT_GT(truth, crossed ? 0.75 : 0.65);
  }
  EXPECT_GT(gap[true], 0.05);
  EXPECT_LT(gap[false], 0.005);
}

TEST(SynthClicks, PartsHaveAboutUnitVarianceOverEvenValues) {
  ClicksOptions options;
  options.zipf = 0;
  options.missing = 0;
  options.ids = 10'000;
  options.smallest = 10'000;
  const SynthRows clicks("clicks", options, 20'000);
  std::vector<double> additive, crossed;
  for (const auto& parts : parts_of(clicks, options, ClicksLaw(options, 1))) {
    additive.push_back(parts.additive);
    crossed.push_back(parts.crossed);
  }
  EXPECT_NEAR(mean_of(additive), 0, 0.05);
  EXPECT_NEAR(mean_of(crossed), 0, 0.05);
  for (double& x : additive) x *= x;
  for (double& x : crossed) x *= x;
  EXPECT_NEAR(mean_of(additive), 1, 0.1);
  EXPECT_NEAR(mean_of(crossed), 1, 0.1);
}

TEST(SynthClicks, IdsFollowZipfsLawWithTheExponentAskedFor) {
  for (const double exponent : {0.7, 1.1, 1.5}) {
    ClicksOptions options;
    options.zipf = exponent;
    options.missing = 0;
    const ClicksLaw law(options, 1);
    const SynthRows clicks("clicks", options, kRows);
    for (const std::size_t f : {std::size_t{0}, std::size_t{10}}) {
      const ClicksLaw::Field& field = law.fields()[f];
      std::vector<double> logs;
      for (const int32_t code : clicks.codes("c" + std::to_string(f + 1))) {
        logs.push_back(std::log(static_cast<double>(field.scatter.place(static_cast<uint64_t>(code)) + 1)));
      }
      // Maximum likelihood: the mean log rank is the law's.
      double low = exponent - 0.5, high = exponent + 0.5;
      for (int i = 0; i < 12; ++i) {
        const Zipf guess(field.size, (low + high) / 2);
        double mean = 0;
        for (uint64_t k = 1; k <= guess.n(); ++k) mean += guess.probability(k) * std::log(static_cast<double>(k));
        (mean > mean_of(logs) ? low : high) = guess.exponent();
      }
      EXPECT_NEAR(low, exponent, 0.01) << "c" << f + 1;
    }
  }
}

TEST(SynthClicks, DictionariesShrinkFromTheLargestToTheSmallest) {
  ClicksOptions options;
  options.ids = 50'000;
  options.smallest = 7;
  options.categorical = 5;
  options.crosses = 2;
  const Schema schema = generator("clicks").schema(&options);
  std::vector<std::size_t> sizes;
  for (const Column& column : schema.columns)
    if (column.kind == Kind::kCategorical) sizes.push_back(column.dictionary.size());
  ASSERT_EQ(sizes.size(), 5u);
  EXPECT_EQ(sizes.front(), 50'000u);
  EXPECT_EQ(sizes.back(), 7u);
  for (std::size_t f = 1; f < 5; ++f) {
    EXPECT_NEAR(static_cast<double>(sizes[f - 1]) / static_cast<double>(sizes[f]), std::pow(50'000 / 7.0, 0.25), 0.8);
  }
  options.smallest = options.ids = 300;
  for (const Column& column : generator("clicks").schema(&options).columns)
    EXPECT_EQ(column.dictionary.size(), column.kind == Kind::kCategorical ? 300u : 0u) << column.name;
}

TEST(SynthClicks, ValuesAreMissingWithTheProbabilityAskedFor) {
  ClicksOptions options;
  options.missing = 0.1;
  const SynthRows clicks("clicks", options, kRows);
  const double spread = std::sqrt(0.1 * 0.9 / static_cast<double>(kRows));
  for (std::size_t c = 0; c < clicks.schema.columns.size(); ++c) {
    const Column& column = clicks.schema.columns[c];
    const double share = static_cast<double>(missing_in(column, clicks.block.columns[c])) / static_cast<double>(kRows);
    const bool gaps = column.feature && (column.kind == Kind::kDense || column.kind == Kind::kCategorical);
    EXPECT_NEAR(share, gaps ? 0.1 : 0, 4.5 * spread) << column.name;
  }
}

TEST(SynthClicks, RowsComeInOrderOfTime) {
  ClicksOptions options;
  options.rows_per_day = 1000;
  const SynthRows clicks("clicks", options, 3, 1, 1'000'000'000);
  const int64_t begin = 1704067200 + int64_t{1'000'000} * 86400;
  EXPECT_EQ(clicks.at("shown_at").longs, (std::vector<int64_t>{begin, begin + 86, begin + 172}));
}

TEST(SynthClicks, OptionsThatContradictEachOtherAreMistakes) {
  for (const auto& [assignment, blamed] : std::vector<std::pair<std::string, std::string>>{
           {"crosses=14", "crosses"}, {"smallest=200000", "smallest"}, {"ids=20000000", "ids"}, {"rate=0", "rate"}, {"zipf=-1", "zipf"}}) {
    core::TomlDocument document = core::TomlDocument::parse("", "options");
    document.set(assignment);
    core::Diagnostics diagnostics(document);
    core::read_options<ClicksOptions>(document, diagnostics);
    EXPECT_EQ(diagnostics.error_count(), 1u) << assignment;
    EXPECT_NE(diagnostics.text().find(blamed), std::string::npos) << diagnostics.text();
  }
}

}  // namespace
}  // namespace cohort::datasets
