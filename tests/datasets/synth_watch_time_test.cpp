#include "datasets/synth/watch_time.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "tests/datasets/synth_rows.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kRows = 200'000;

/// Every shown value a feature has, so that tests can divide by it.
WatchTimeOptions gapless() {
  WatchTimeOptions options;
  options.missing = 0;
  return options;
}

std::vector<double> logs(const std::vector<float>& values) {
  std::vector<double> result;
  for (const float value : values) result.push_back(std::log(static_cast<double>(value)));
  return result;
}

TEST(SynthWatchTime, TheTruthsAreTheMeansOfTheLabels) {
  const SynthRows views("watch-time", WatchTimeOptions{}, kRows);
  EXPECT_LT(std::fabs(calibration_z(views.floats("complete"), views.floats("true_probability"))), 3.5);
  EXPECT_LT(worst_decile_z(views.floats("complete"), views.floats("true_probability")), 3.5);
  double difference = 0, squares = 0;
  for (std::size_t i = 0; i < kRows; ++i) {
    const double d = views.floats("watch_seconds")[i] - views.floats("true_watch")[i];
    difference += d;
    squares += d * d;
  }
  EXPECT_LT(std::fabs(difference), 3.5 * std::sqrt(squares));
}

TEST(SynthWatchTime, AViewEndsWithTheVideoAndIsCompleteJustThen) {
  const SynthRows views("watch-time", gapless(), 20'000);
  std::size_t complete = 0;
  for (std::size_t i = 0; i < 20'000; ++i) {
    const float watch = views.floats("watch_seconds")[i], duration = views.floats("duration")[i];
    ASSERT_GE(watch, 0);
    ASSERT_LE(watch, duration);
    ASSERT_EQ(views.floats("complete")[i] == 1, watch == duration) << i;
    complete += watch == duration ? 1 : 0;
  }
  EXPECT_GT(complete, 3000u);
}

TEST(SynthWatchTime, InterestHasUnitVarianceAndDurationTellsNothingOfIt) {
  const SynthRows views("watch-time", gapless(), kRows);
  std::vector<double> squares;
  for (const float interest : views.floats("true_interest")) squares.push_back(interest * static_cast<double>(interest));
  EXPECT_NEAR(mean_of(squares), 1, 0.12);
  EXPECT_NEAR(correlation_of(logs(views.floats("duration")), views.floats("true_interest")), 0, 0.12);
}

TEST(SynthWatchTime, BothLabelsAreBiasedByDurationInOppositeDirections) {
  const SynthRows views("watch-time", gapless(), kRows);
  const std::vector<double> duration = logs(views.floats("duration"));
  EXPECT_GT(correlation_of(duration, views.floats("true_watch")), 0.5);
  EXPECT_LT(correlation_of(duration, views.floats("true_probability")), -0.4);
  EXPECT_LT(correlation_of(views.floats("true_interest"), views.floats("true_watch")), 0.75);
}

/// Logistic regression of `label` on a constant and two columns, by Newton's method: the coefficients.
std::array<double, 3> logistic_fit(const std::vector<double>& a, const std::vector<float>& b, const std::vector<float>& label) {
  std::array<double, 3> w{};
  for (int step = 0; step < 12; ++step) {
    std::array<double, 3> g{};
    double h[3][3] = {};
    for (std::size_t i = 0; i < label.size(); ++i) {
      const std::array<double, 3> x{1, a[i], b[i]};
      const double p = 1 / (1 + std::exp(-(w[0] + w[1] * x[1] + w[2] * x[2])));
      for (std::size_t r = 0; r < 3; ++r) {
        g[r] += (label[i] - p) * x[r];
        for (std::size_t c = 0; c < 3; ++c) h[r][c] += p * (1 - p) * x[r] * x[c];
      }
    }
    // Cramer's rule.
    const auto determinant = [](const double(&m)[3][3]) {
      return m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
             m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
    };
    const double d = determinant(h);
    for (std::size_t k = 0; k < 3; ++k) {
      double replaced[3][3];
      for (std::size_t r = 0; r < 3; ++r)
        for (std::size_t c = 0; c < 3; ++c) replaced[r][c] = c == k ? g[r] : h[r][c];
      w[k] += determinant(replaced) / d;
    }
  }
  return w;
}

TEST(SynthWatchTime, TheLogOddsOfCompletionAreLinearInInterestWithTheStatedOffset) {
  WatchTimeOptions options = gapless();
  options.interest = 0.8;
  const SynthRows views("watch-time", options, kRows);
  const auto w = logistic_fit(logs(views.floats("duration")), views.floats("true_interest"), views.floats("complete"));
  EXPECT_NEAR(w[0], std::log(12) - options.stretch * std::log(30), 0.06);
  EXPECT_NEAR(w[1], options.stretch - 1, 0.02);
  EXPECT_NEAR(w[2], options.interest, 0.03);
}

TEST(SynthWatchTime, AnEstimateWithoutTheBiasRanksVideosByInterestWhereMeansOfWatchTimeDoNot) {
  WatchTimeOptions options = gapless();
  options.videos = 300;
  options.interest = 0.5;
  const SynthRows views("watch-time", options, kRows);
  const WatchTimeLaw law(options, 1);
  std::vector<double> count(300), interest(300), watch(300), complete(300);
  for (std::size_t i = 0; i < kRows; ++i) {
    const auto video = static_cast<std::size_t>(views.codes("video")[i]);
    count[video] += 1;
    interest[video] += views.floats("true_interest")[i];
    watch[video] += views.floats("watch_seconds")[i];
    complete[video] += views.floats("complete")[i];
  }
  // The odds of completion without the part that the duration has in them.
  std::vector<double> truth, naive, ratio, unbiased;
  for (std::size_t video = 0; video < 300; ++video) {
    if (count[video] < 100 || complete[video] == 0) continue;
    const double duration = law.video(video).duration, share = complete[video] / count[video];
    truth.push_back(interest[video] / count[video]);
    naive.push_back(watch[video] / count[video]);
    ratio.push_back(watch[video] / count[video] / duration);
    unbiased.push_back(std::log(share / (1 - share)) + (1 - options.stretch) * std::log(duration));
  }
  ASSERT_GT(truth.size(), 200u);
  const double found = correlation_of(unbiased, truth);
  EXPECT_GT(found, 0.85);
  EXPECT_LT(correlation_of(naive, truth), found - 0.2);
  EXPECT_LT(correlation_of(ratio, truth), found - 0.2);
}

TEST(SynthWatchTime, LongVideosAreShownMoreOftenWhereTheyAreFavoured) {
  WatchTimeOptions even = gapless(), favoured = gapless();
  even.favour = 0;
  favoured.favour = 1;
  even.popularity = favoured.popularity = 0;
  const WatchTimeLaw law(even, 1);
  std::vector<double> all;
  for (uint64_t video = 0; video < 10'000; ++video) all.push_back(law.video(video).duration);
  const double mean = mean_of(all);
  EXPECT_NEAR(mean_of(SynthRows("watch-time", even, 50'000).floats("duration")), mean, 0.03 * mean);
  EXPECT_GT(mean_of(SynthRows("watch-time", favoured, 50'000).floats("duration")), 1.3 * mean);
}

TEST(SynthWatchTime, DurationsAreMissingWithTheProbabilityAskedFor) {
  WatchTimeOptions options;
  options.missing = 0.2;
  const SynthRows views("watch-time", options, 50'000);
  double missing = 0;
  for (const float duration : views.floats("duration")) missing += std::isnan(duration) ? 1 : 0;
  EXPECT_NEAR(missing / 50'000, 0.2, 0.008);
}

}  // namespace
}  // namespace cohort::datasets
