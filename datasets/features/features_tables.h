// The tables of transforms, from values alone: moments, medians, quantiles, knots, bins, vocabularies.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "datasets/features/features.h"

namespace cohort::datasets {

/// Count, mean and Σ(x − mean)², merged as in Chan, Golub & LeVeque, "Updating formulae and a pairwise algorithm for computing sample
/// variances" (1982). Merging in one order gives one result.
struct Moments {
  uint64_t count = 0;
  double mean = 0, squares = 0;

  /// Of one block, in two passes.
  static Moments of(std::span<const float> values);
  void merge(const Moments& other);
  double deviation() const;  ///< σ with n in the denominator; 0 when count is 0
};

Standardise make_standardise(const Moments& moments);

/// Median of values in ascending order, at least one.
float median_of(std::span<const float> sorted);
/// The quantile at share p in [0, 1] of values in ascending order, between two of them by linear interpolation.
double quantile_of(std::span<const float> sorted, double p);

/// `sorted`: training values in ascending order, at least one; `rows`: training rows (more than values where these are a sample).
/// Knots are min(max(min(rows/30, quantiles), 10), values) quantiles at even shares p of [0, 1]; tied ones become one knot at their
/// mean p. Between two knots far apart in p more are put, so that the straight lines stay within 0.001 of Φ⁻¹(p). p is kept within
/// [1e-7, 1 − 1e-7]. A constant column gives two knots with normal 0.
QuantileNormal make_quantile_normal(std::span<const float> sorted, uint64_t rows, int64_t quantiles);

/// Edges are the distinct ones of bins + 1 quantiles at even shares. A constant column c gives one bin from c on: 0 for every training row.
PiecewiseLinear make_piecewise_linear(std::span<const float> sorted, int64_t bins);
/// Fills inverse_widths from edges.
void set_inverse_widths(PiecewiseLinear& step);

/// Codes kept, ascending: counts[code] ≥ min_count, and with max_size > 0 the most frequent alone, ties by value (the smaller code first).
std::vector<int32_t> kept_codes(std::span<const int64_t> counts, int64_t min_count, int64_t max_size);

}  // namespace cohort::datasets
