#include "datasets/synth/zipf.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace cohort::datasets {
namespace {

struct Tried {
  std::vector<double> counts;  ///< of each rank, from 1 on
  double attempts = 0, draws = 0;
};

Tried tried(const Zipf& zipf, uint64_t draws) {
  const core::KeyedRandom random(17, "test");
  Tried result{std::vector<double>(zipf.n() + 1), 0, static_cast<double>(draws)};
  for (uint64_t i = 0; i < draws; ++i) {
    const uint64_t rank = zipf.draw([&](uint64_t t) {
      ++result.attempts;
      return random.u32(i * 64 + t);
    });
    ++result.counts.at(rank);
  }
  return result;
}

TEST(Zipf, ProbabilitiesAreThePowersAndSumToOne) {
  for (const double s : {0.0, 0.5, 0.99, 1 - 1e-12, 1.0, 1.0000005, 1.001, 1.1, 2.5})
    for (const uint64_t n : {uint64_t{1}, uint64_t{2}, uint64_t{200}, uint64_t{201}, uint64_t{100'000}}) {
      const Zipf zipf(n, s);
      double total = 0;
      for (uint64_t k = n; k >= 1; --k) total += std::pow(static_cast<double>(k), -s);
      double sum = 0;
      for (uint64_t k = n; k >= 1; --k) sum += zipf.probability(k);
      EXPECT_NEAR(sum, 1, 1e-11) << n << " " << s;
      EXPECT_NEAR(zipf.probability(1) * total, 1, 1e-11) << n << " " << s;
      EXPECT_NEAR(zipf.probability(n) / zipf.probability(1), std::pow(static_cast<double>(n), -s), 1e-12);
    }
}

TEST(Zipf, DrawsFollowTheLaw) {
  constexpr double kDraws = 200'000;
  for (const double s : {0.0, 0.6, 1.0, 1.1, 2.0, 3.5})
    for (const uint64_t n : {uint64_t{2}, uint64_t{3}, uint64_t{50}, uint64_t{1000}}) {
      const Zipf zipf(n, s);
      const Tried got = tried(zipf, static_cast<uint64_t>(kDraws));
      // Rare ranks are taken together, so that every group is expected 20 times.
      double chi2 = 0, groups = 0, count = 0, expected = 0;
      for (uint64_t k = 1; k <= n; ++k) {
        count += got.counts[k];
        expected += kDraws * zipf.probability(k);
        if (expected < 20 && k < n) continue;
        if (expected >= 5) chi2 += (count - expected) * (count - expected) / expected, ++groups;
        count = expected = 0;
      }
      EXPECT_LT(chi2, groups + 4.5 * std::sqrt(2 * groups)) << n << " " << s;
    }
}

TEST(Zipf, NeedsFewAttemptsHoweverManyRanksThereAre) {
  for (const double s : {0.0, 0.5, 0.9, 1.0, 1.1, 1.5, 2.0, 3.0, 4.0})
    for (const uint64_t n : {uint64_t{2}, uint64_t{100}, uint64_t{1'000'000}}) {
      const Tried got = tried(Zipf(n, s), 20'000);
      EXPECT_LT(got.attempts / got.draws, 1.25) << n << " " << s;
    }
}

TEST(Zipf, ExponentIsFoundAgainFromAMillionRanks) {
  constexpr double kExponent = 1.15;
  const Zipf zipf(1'000'000, kExponent);
  const Tried got = tried(zipf, 300'000);
  // Maximum likelihood over the exponent by bisection of the score: Σ log k of what came equals its mean under the law.
  double observed = 0;
  for (uint64_t k = 1; k <= zipf.n(); ++k) observed += got.counts[k] * std::log(static_cast<double>(k));
  observed /= got.draws;
  double low = 1, high = 1.3;
  for (int i = 0; i < 12; ++i) {
    const Zipf guess(zipf.n(), (low + high) / 2);
    double mean = 0;
    for (uint64_t k = 1; k <= guess.n(); ++k) mean += guess.probability(k) * std::log(static_cast<double>(k));
    (mean > observed ? low : high) = guess.exponent();
  }
  EXPECT_NEAR(low, kExponent, 0.003);
}

TEST(Scatter, IsABijectionWithAnInverse) {
  for (const uint64_t n : {1, 2, 3, 4, 5, 10, 26, 97, 1000, 4096, 99'999}) {
    const Scatter scatter(n);
    std::vector<bool> seen(n);
    for (uint64_t place = 0; place < n; ++place) {
      const uint64_t code = scatter.code(place);
      ASSERT_LT(code, n);
      ASSERT_FALSE(seen[code]) << n;
      seen[code] = true;
      ASSERT_EQ(scatter.place(code), place) << n;
    }
  }
  const Scatter large(uint64_t{1} << 31);
  for (uint64_t place = 0; place < large.code(1); place += 12'345'677) EXPECT_EQ(large.place(large.code(place)), place);
}

TEST(Scatter, SpreadsPopularIdsEvenlyOverATable) {
  constexpr uint64_t kIds = 100'000, kShards = 8;
  const Scatter scatter(kIds);
  std::vector<int> counts(kShards);
  for (uint64_t place = 0; place < 800; ++place) ++counts[scatter.code(place) * kShards / kIds];
  for (const int count : counts) EXPECT_NEAR(count, 100, 5);
}

}  // namespace
}  // namespace cohort::datasets
