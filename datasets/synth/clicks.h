// Impressions of advertisements, dense and categorical fields with planted crosses, and the true probability of a click on each.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "datasets/synth/generators.h"
#include "datasets/synth/zipf.h"

namespace cohort::datasets {

/// The law. Columns d1 … dD (dense) and c1 … cF (categorical int64), `shown_at`, label `click`, truth `true_probability` (never a
/// feature).
///
/// Column dj, j = 1 … D: x = ⌊exp(aj + z)⌋ with z standard normal and aj = 1 + (j mod 4) / 2: a skewed count; with it goes v = log(1 + x)
/// − aj, 0 where x is missing. Column cf, f = 1 … F: nf values 0 … nf − 1, nf = ⌊ids^(1−e) · smallest^e + 1/2⌋ with e = (f − 1) / (F −
/// 1); popularity rank k has P(k) ∝ k^−zipf, and rank k is the value Scatter(nf).code(k − 1) (zipf.h). Every value i has a main effect m
/// and three factors q1 … q3, all independent and uniform on (−√3, √3); all 0 where the value is missing. All columns are independent;
/// each value is missing with probability `missing`.
///
/// Pairs: p = 1 … crosses joins columns F − 2(p − 1) and the one before it, so from the smallest dictionaries up. Dense pairs: r = 1 …
/// ⌊D/4⌋ joins d(2r−1) and d(2r).
///
///     additive = (Σj φj(vj) + Σf mf) / √(D + F)        φj(v) = v where j is odd, (v² − 1) / √2 where it is even
///     crossed  = (Σp Σt qt(f) qt(g) / √3 + Σr v(2r−1) v(2r)) / √(crosses + ⌊D/4⌋)
///     log-odds = b + additive_effect · additive + crossed_effect · crossed
///     P(click) = 1 / (1 + e^−log-odds)
///
/// Over values drawn evenly, additive and crossed have mean 0 and variance 1 (of φ and v nearly), and `crossed` can't be told from any
/// one column; under Zipf's law the few most popular values weigh more, so a part of `crossed` shows in single columns too. b is the
/// number for which the mean probability of 8,192 rows kept aside, made by the same law, is `rate`. Rows come in order of time: row i is
/// shown at 2024-01-01 00:00 UTC + ⌊i · 86400 / rows_per_day⌋ s.
///
/// The AUC of true_probability is what no model can beat. Rare values can't be learned from few rows: a smaller `ids` brings the truth
/// into reach.
struct ClicksOptions {
  int64_t dense = 13;
  int64_t categorical = 26;
  int64_t ids = 100'000;
  int64_t smallest = 4;
  double zipf = 1.1;
  double rate = 0.25;
  int64_t crosses = 8;
  double additive_effect = 0.8;
  double crossed_effect = 1.2;
  double missing = 0.03;
  int64_t rows_per_day = 1'000'000;
  static void describe(core::Describe<ClicksOptions>& d);
};

/// The law of one (options, seed). Immutable.
class ClicksLaw {
 public:
  static constexpr std::size_t kFactors = 3;
  struct Field {
    uint64_t size = 0;
    Zipf popularity;
    Scatter scatter;
    core::KeyedRandom values;  ///< block i belongs to value i
  };
  /// The log-odds in parts.
  struct Parts {
    double additive = 0, crossed = 0;
  };

  ClicksLaw(const ClicksOptions& options, uint64_t seed);

  const std::vector<Field>& fields() const { return fields_; }
  double intercept() const { return intercept_; }
  /// Of a row as shown: counts (NaN is missing) and codes (−1 is missing).
  Parts parts(std::span<const float> dense, std::span<const int32_t> codes) const;
  double log_odds(const Parts& parts) const {
    return intercept_ + options_.additive_effect * parts.additive + options_.crossed_effect * parts.crossed;
  }

  /// Rows of a stream of draws (0 is the dataset's): values into dense[row · D + j] and codes[row · F + f], the words that decide the labels
  /// into clicks.
  void draw(uint32_t stream, uint64_t first, std::size_t rows, std::span<float> dense, std::span<int32_t> codes,
            std::span<uint32_t> clicks) const;

 private:
  ClicksOptions options_;
  uint64_t seed_;
  std::vector<Field> fields_;
  double intercept_ = 0;
};

Generator clicks_generator();

}  // namespace cohort::datasets
