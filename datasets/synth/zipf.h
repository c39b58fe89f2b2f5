// Zipf's law: ranks whose probability falls as a power, and ids that hide them.
#pragma once

#include <cstdint>
#include <vector>

#include "datasets/synth/draws.h"

namespace cohort::datasets {

/// P(k) = k^−s / Σ j^−s on 1 … n, drawn by rejection-inversion (Hörmann & Derflinger, "Rejection-inversion to generate variates from
/// monotone discrete distributions", ACM TOMACS 6, 1996): O(1) expected draws for any n and s ≥ 0, no table of n entries. Each draw has
/// 2^32 different outcomes before rejection, so that ranks rarer than about 2^−32 are not told apart. Immutable.
class Zipf {
 public:
  Zipf(uint64_t n, double exponent);

  uint64_t n() const { return n_; }
  double exponent() const { return s_; }

  /// One attempt with a uniform number in (0, 1): the rank, or 0 where it is rejected, which happens at most once in five times.
  uint64_t attempt(double u) const;

  /// The rank from the first accepted attempt; `words(t)` is the random word of attempt t = 0, 1, ….
  template <class Words>
  uint64_t draw(Words&& words) const {
    for (uint64_t t = 0;; ++t)
      if (const uint64_t rank = attempt(open_unit(words(t)))) return rank;
  }

  /// Of a rank; relative error below 1e-11.
  double probability(uint64_t rank) const;

 private:
  double integral(double x) const;  ///< of x^−s from 1 on
  double inverse(double y) const;
  double threshold(uint64_t rank) const;

  uint64_t n_;
  double s_;
  double low_ = 0, high_ = 0;       ///< the integral over all ranks lies between
  double shortcut_ = 0;             ///< this close below its rank an attempt is always accepted
  double total_ = 0;                ///< Σ k^−s
  std::vector<double> thresholds_;  ///< of the first ranks, which most attempts hit
};

/// A fixed bijection of 0 … n−1 that scatters neighbours: code = (place·a + ⌊n/2⌋) mod n with a the smallest number from ⌈0.618 n⌉ on
/// that has no divisor in common with n. It keeps a model from reading popularity off an id, and spreads popular ids over the shards of a
/// table.
class Scatter {
 public:
  explicit Scatter(uint64_t n);  ///< n from 1 to 2^31
  uint64_t code(uint64_t place) const { return (place * factor_ + n_ / 2) % n_; }
  uint64_t place(uint64_t code) const { return ((code + n_ - n_ / 2) % n_ * inverse_) % n_; }

 private:
  uint64_t n_, factor_ = 1, inverse_ = 1;
};

}  // namespace cohort::datasets
