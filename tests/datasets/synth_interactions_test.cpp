#include "datasets/synth/interactions.h"

#include <cmath>
#include <map>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "core/toml_document.h"
#include "tests/datasets/synth_rows.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kRows = 200'000;

SynthInteractionsOptions small() {
  SynthInteractionsOptions options;
  options.users = 400;
  options.items = 200;
  options.groups = 10;
  options.explore = 0.2;
  options.missing = 0;
  return options;
}

TEST(SynthInteractions, TheProbabilityOfAClickIsCalibrated) {
  const SynthRows rows("interactions", SynthInteractionsOptions{}, kRows);
  EXPECT_LT(std::fabs(calibration_z(rows.floats("click"), rows.floats("true_probability"))), 3.5);
  EXPECT_LT(worst_decile_z(rows.floats("click"), rows.floats("true_probability")), 3.5);
  for (std::size_t i = 0; i < 1000; ++i)
    ASSERT_NEAR(rows.floats("true_probability")[i], 1 / (1 + std::exp(1.5 - rows.floats("true_affinity")[i])), 1e-6);
}

TEST(SynthInteractions, RatingsHaveTheMeanTheyAreSaidToHave) {
  SynthInteractionsOptions options;
  options.feedback = "rating";
  const SynthRows rows("interactions", options, kRows);
  double difference = 0, squares = 0;
  for (std::size_t i = 0; i < kRows; ++i) {
    const float rating = rows.floats("rating")[i];
    ASSERT_TRUE(rating == 1 || rating == 2 || rating == 3 || rating == 4 || rating == 5);
    const double d = rating - rows.floats("true_rating")[i];
    difference += d;
    squares += d * d;
  }
  EXPECT_LT(std::fabs(difference), 3.5 * std::sqrt(squares));
  EXPECT_GT(correlation_of(rows.floats("rating"), rows.floats("true_rating")), 0.5);
}

TEST(SynthInteractions, PropensitiesOfAllItemsSumToOneForEveryUser) {
  const InteractionsLaw law(small(), 1);
  for (uint64_t number = 0; number < 50; ++number) {
    const InteractionsLaw::User user = law.user(number);
    double sum = 0;
    for (uint64_t item = 0; item < 200; ++item) sum += law.propensity(user, item);
    ASSERT_NEAR(sum, 1, 1e-12) << number;
  }
}

TEST(SynthInteractions, PropensitiesAreTheFrequenciesOfExposure) {
  const InteractionsLaw law(small(), 1);
  const InteractionsLaw::User user = law.user(7);
  std::vector<double> seen(200);
  for (uint64_t moment = 0; moment < kRows; ++moment) ++seen[law.expose(user, moment).item];
  double chi2 = 0;
  for (uint64_t item = 0; item < 200; ++item) {
    const double expected = law.propensity(user, item) * kRows;
    ASSERT_GT(expected, 20);
    chi2 += (seen[item] - expected) * (seen[item] - expected) / expected;
  }
  EXPECT_LT(chi2, 199 + 4.5 * std::sqrt(2 * 199.0));
}

TEST(SynthInteractions, ExposureIsBiasedAndWeightingByThePropensityMendsIt) {
  const SynthInteractionsOptions options = small();
  const InteractionsLaw law(options, 1);
  const SynthRows rows("interactions", options, kRows);
  // The mean over all items, for the users as they come.
  std::map<int32_t, double> users;
  for (const int32_t user : rows.codes("user")) users[user] += 1;
  double truth = 0;
  for (const auto& [number, count] : users) {
    const InteractionsLaw::User user = law.user(static_cast<uint64_t>(number));
    double mean = 0;
    for (uint64_t item = 0; item < 200; ++item) mean += law.probability(law.affinity(user, item)) / 200;
    truth += mean * count / kRows;
  }
  double weighted = 0, squares = 0, explored = 0, explorations = 0;
  for (std::size_t i = 0; i < kRows; ++i) {
    const double part = rows.floats("click")[i] / (200 * rows.floats("propensity")[i]);
    weighted += part / kRows;
    squares += part * part;
    if (rows.codes("policy")[i] != 0) continue;
    explored += rows.floats("click")[i];
    ++explorations;
  }
  const double error = std::sqrt(squares) / kRows;
  EXPECT_GT(mean_of(rows.floats("click")), truth + 0.05);
  EXPECT_NEAR(weighted, truth, 4 * error);
  EXPECT_LT(error, 0.01);
  EXPECT_NEAR(explored / explorations, truth, 4 * std::sqrt(0.25 / explorations));
  EXPECT_NEAR(explorations / kRows, 0.2, 0.005);
}

TEST(SynthInteractions, PopularItemsAreSeenByTheStatedPowerOfTheirRank) {
  SynthInteractionsOptions options = small();
  options.explore = 0;
  options.popularity = 1.3;
  const InteractionsLaw law(options, 1);
  const SynthRows rows("interactions", options, kRows);
  std::vector<double> seen(21);
  for (const int32_t item : rows.codes("item")) ++seen[law.rank(static_cast<uint64_t>(item))];
  for (std::size_t rank = 2; rank <= 20; ++rank) {
    EXPECT_NEAR(std::log(seen[1] / seen[rank]), 1.3 * std::log(static_cast<double>(rank)), 4.5 * std::sqrt(1 / seen[1] + 1 / seen[rank]))
        << rank;
  }
}

TEST(SynthInteractions, UsersLikeTheirHomeGroupAndTheGroupColumnNamesIt) {
  const SynthInteractionsOptions options = small();
  const InteractionsLaw law(options, 1);
  const SynthRows rows("interactions", options, 50'000);
  double home = 0, homes = 0, away = 0, aways = 0;
  for (std::size_t i = 0; i < 50'000; ++i) {
    const auto item = static_cast<uint64_t>(rows.codes("item")[i]);
    ASSERT_EQ(static_cast<uint64_t>(rows.codes("group")[i]), law.group(item));
    const bool at_home = law.user(static_cast<uint64_t>(rows.codes("user")[i])).home == law.group(item);
    (at_home ? home : away) += rows.floats("true_affinity")[i];
    (at_home ? homes : aways) += 1;
  }
  EXPECT_GT(home / homes, away / aways + 0.7);
}

SynthInteractionsOptions sequences() {
  SynthInteractionsOptions options = small();
  options.layout = "users";
  options.longest = 40;
  return options;
}

TEST(SynthInteractions, AUsersSequencesAreAlignedChronologicalAndOfTheStatedLengths) {
  const SynthRows rows("interactions", sequences(), 3000);
  double total = 0, longest = 0;
  for (std::size_t i = 0; i < 3000; ++i) {
    const auto items = rows.codes_of("items", i);
    const auto times = rows.times_of("times", i);
    ASSERT_EQ(items.size(), times.size());
    ASSERT_EQ(items.size(), rows.floats_of("propensity", i).size());
    ASSERT_EQ(items.size(), rows.floats_of("true_affinity", i).size());
    ASSERT_TRUE(std::is_sorted(times.begin(), times.end()));
    ASSERT_GE(items.size(), 2u);
    ASSERT_LE(items.size(), 40u);
    ASSERT_GE(rows.codes("target")[i], 0);
    longest += items.size() == 40 ? 1 : 0;
    total += static_cast<double>(items.size());
  }
  EXPECT_GT(longest, 100);
  // Exponential with mean 18, rounded down, cut at 38 above the least of 2: 2 + Σ P(≥ k).
  double mean = 2;
  for (int k = 1; k <= 38; ++k) mean += std::exp(-k / 18.0);
  EXPECT_NEAR(total / 3000, mean, 0.8);
}

TEST(SynthInteractions, ASuccessorFollowsFarMoreOftenThanByChance) {
  for (const double chain : {0.0, 0.4}) {
    SynthInteractionsOptions options = sequences();
    options.chain = chain;
    const InteractionsLaw law(options, 1);
    const SynthRows rows("interactions", options, 3000);
    double follows = 0, pairs = 0, targets = 0;
    for (std::size_t i = 0; i < 3000; ++i) {
      const auto items = rows.codes_of("items", i);
      const auto next = [&](std::size_t k) { return law.successor(static_cast<uint64_t>(items[k])); };
      for (std::size_t k = 1; k < items.size(); ++k) follows += static_cast<uint64_t>(items[k]) == next(k - 1) ? 1 : 0;
      pairs += static_cast<double>(items.size() - 1);
      targets += static_cast<uint64_t>(rows.codes("target")[i]) == next(items.size() - 1) ? 1 : 0;
    }
    EXPECT_NEAR(follows / pairs, targets / 3000, 0.04) << chain;
    if (chain == 0)
      EXPECT_LT(follows / pairs, 0.06);
    else
      EXPECT_GT(follows / pairs, 0.35);
  }
}

TEST(SynthInteractions, GroupsAreMissingWithTheProbabilityAskedFor) {
  SynthInteractionsOptions options = small();
  options.missing = 0.3;
  const SynthRows rows("interactions", options, 50'000);
  EXPECT_NEAR(static_cast<double>(std::count(rows.codes("group").begin(), rows.codes("group").end(), -1)) / 50'000, 0.3, 0.01);
}

TEST(SynthInteractions, OptionsThatContradictEachOtherAreMistakes) {
  for (const auto& assignments :
       std::vector<std::vector<std::string>>{{"items=5001"}, {"layout=users", "feedback=rating"}, {"layout=pairs"}}) {
    core::TomlDocument document = core::TomlDocument::parse("", "options");
    for (const std::string& assignment : assignments) document.set(assignment);
    core::Diagnostics diagnostics(document);
    core::read_options<SynthInteractionsOptions>(document, diagnostics);
    EXPECT_EQ(diagnostics.error_count(), 1u) << assignments.front();
  }
}

}  // namespace
}  // namespace cohort::datasets
