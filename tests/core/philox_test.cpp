#include "core/philox.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "core/normal_quantile.h"

namespace cohort::core {
namespace {

using Words = std::array<uint32_t, 4>;

TEST(Philox, GivesThePublishedNumbers) {
  // Known answers of the authors' Random123 (kat_vectors, philox4x32 with 10 rounds).
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(KeyedRandom, DependsOnSeedPurposeAndBothCounters) {
  const uint64_t base = KeyedRandom(1, "order", 2, 3).u64(4);
  EXPECT_EQ(KeyedRandom(1, "order", 2, 3).u64(4), base);
  EXPECT_NE(KeyedRandom(2, "order", 2, 3).u64(4), base);
  EXPECT_NE(KeyedRandom(1, "init", 2, 3).u64(4), base);
  EXPECT_NE(KeyedRandom(1, "order", 3, 3).u64(4), base);
  EXPECT_NE(KeyedRandom(1, "order", 2, 4).u64(4), base);
  EXPECT_NE(KeyedRandom(1, "order", 2, 3).u64(5), base);
}

TEST(KeyedRandom, NeverChangesItsStream) {
  // Runs are resumed and compared across versions of this program: these numbers are a promise.
  const KeyedRandom random(42, "promise", 7, 9);
  const std::vector<uint32_t> words = {random.u32(0), random.u32(1), random.u32(2), random.u32(3), random.u32(4)};
  EXPECT_EQ(words, (std::vector<uint32_t>{1728492033u, 1690461363u, 176309999u, 179566373u, 3647636005u}));
  EXPECT_EQ(random.u64(uint64_t{1} << 40), 1639972513667329277u);
  EXPECT_EQ(random.normal(0), -0x1.14735429efd07p-2);
}

TEST(KeyedRandom, FillsWhatSingleDrawsGiveFromAnyFirstIndex) {
  const KeyedRandom random(5, "fill", 1, 2);
  for (const uint64_t first : {uint64_t{0}, uint64_t{1}, uint64_t{2}, uint64_t{3}, uint64_t{127}, (uint64_t{1} << 34) - 70})
    for (const std::size_t count : {0, 1, 3, 127, 128, 129, 1000}) {
      std::vector<float> numbers(count, -1), mask(count, -1);
      std::vector<uint32_t> words(count, 1);
      random.fill_u32(words, first);
      random.fill_uniform(numbers, first);
      random.fill_mask(mask, 0.7f, 1.5f, first);
      for (std::size_t i = 0; i < count; ++i) {
        const float expected = random.uniform_float(first + i);
        ASSERT_EQ(words[i], random.u32(first + i)) << first << " + " << i;
        ASSERT_EQ(words[i], random.block((first + i) / 4)[(first + i) % 4]) << first << " + " << i;
        ASSERT_EQ(numbers[i], expected) << first << " + " << i;
        ASSERT_EQ(mask[i], expected < 0.7f ? 1.5f : 0.0f) << first << " + " << i;
      }
    }
}

TEST(KeyedRandom, KeepsAllOrNothingAtTheEndsOfTheScale) {
  const KeyedRandom random(5, "mask");
  std::vector<float> mask(1000);
  random.fill_mask(mask, 1.0f, 2.0f);
  EXPECT_EQ(std::count(mask.begin(), mask.end(), 2.0f), 1000);
  random.fill_mask(mask, 0.0f, 2.0f);
  EXPECT_EQ(std::count(mask.begin(), mask.end(), 0.0f), 1000);
}

TEST(KeyedRandom, IsUniform) {
  const KeyedRandom random(11, "uniform");
  constexpr int kDraws = 100000, kBins = 50;
  std::vector<int> bins(kBins), words(kBins);
  for (int i = 0; i < kDraws; ++i) {
    const double u = random.uniform(static_cast<uint64_t>(i));
    const float f = random.uniform_float(static_cast<uint64_t>(i));
    ASSERT_TRUE(u >= 0 && u < 1 && f >= 0 && f < 1);
    ++bins[static_cast<std::size_t>(u * kBins)];
    ++words[random.below(static_cast<uint64_t>(i), kBins)];
  }
  for (const auto* counts : {&bins, &words}) {
    double chi2 = 0;
    for (const int n : *counts) chi2 += std::pow(n - kDraws / kBins, 2) / (kDraws / kBins);
    EXPECT_LT(chi2, 90);  // 49 degrees of freedom: p = 0.0003
    EXPECT_GT(chi2, 20);
  }
}

TEST(KeyedRandom, DrawsBelowALimitStayBelowIt) {
  const KeyedRandom random(1, "below");
  for (uint64_t i = 0; i < 1000; ++i) {
    ASSERT_EQ(random.below(i, 1), 0u);
    ASSERT_LT(random.below(i, 3), 3u);
    ASSERT_LT(random.below(i, UINT64_MAX), UINT64_MAX);
  }
}

TEST(KeyedRandom, NormalNumbersHaveTheRightMoments) {
  const KeyedRandom random(3, "normal");
  constexpr int kDraws = 200000;
  double sum = 0, squares = 0, fourth = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = random.normal(static_cast<uint64_t>(i));
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.01);
  EXPECT_NEAR(squares / kDraws, 1, 0.015);
  EXPECT_NEAR(fourth / kDraws, 3, 0.12);
}

TEST(NormalQuantile, AgreesWithKnownValues) {
  // scipy.stats.norm.ppf
  const double known[][2] = {{1e-20, -9.262340089798409}, {1e-5, -4.264890793922825}, {0.01, -2.3263478740408408},
                             {0.3, -0.5244005127080409},  {0.5, 0.0},                 {0.8, 0.8416212335729143},
                             {0.975, 1.959963984540054}};
  for (const auto& [p, x] : known) EXPECT_NEAR(normal_quantile(p), x, 1e-14 * (1 + std::fabs(x))) << p;
  EXPECT_EQ(normal_quantile(0), -INFINITY);
  EXPECT_EQ(normal_quantile(1), INFINITY);
  EXPECT_TRUE(std::isnan(normal_quantile(1.5)));
}

TEST(NormalQuantile, InvertsTheDistributionFunction) {
  for (double p = 1e-12; p < 1; p += 0.00371) EXPECT_NEAR(0.5 * std::erfc(-normal_quantile(p) / std::sqrt(2.0)), p, 2e-15);
}

}  // namespace
}  // namespace cohort::core
