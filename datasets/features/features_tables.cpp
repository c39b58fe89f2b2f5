#include "datasets/features/features_tables.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/normal_quantile.h"

namespace cohort::datasets {
namespace {

constexpr double kClip = 1e-7;          // of p: ±5.2 deviations
constexpr double kGrowth = 1.125;       // of a tail's p from knot to knot: keeps straight lines within 0.001 of the curve
constexpr double kNearly = 1.02;        // no knot so close before the next quantile
constexpr uint64_t kRowsPerQuantile = 30;
constexpr int64_t kFewestQuantiles = 10;

double clipped_normal(double p) { return core::normal_quantile(std::clamp(p, kClip, 1 - kClip)); }

struct Knot {
  double quantile, share;
};

/// Quantiles at `count` even shares, ties as one knot at the mean share.
std::vector<Knot> tied_knots(std::span<const float> sorted, int64_t count) {
  std::vector<Knot> knots;
  int64_t first = 0;
  auto at = [&](int64_t i) { return static_cast<float>(quantile_of(sorted, static_cast<double>(i) / static_cast<double>(count - 1))); };
  while (first < count) {
    const float value = at(first);
    int64_t last = first;
    while (last + 1 < count && at(last + 1) == value) ++last;
    knots.push_back({value, static_cast<double>(first + last) / 2 / static_cast<double>(count - 1)});
    first = last + 1;
  }
  return knots;
}

/// Shares between a and b at which more knots are wanted, ascending: from each end towards the middle p grows by kGrowth.
std::vector<double> shares_between(double a, double b) {
  std::vector<double> shares;
  for (double p = a < kClip ? kClip : a * kGrowth; p * kNearly < std::min(b, 0.5); p *= kGrowth) shares.push_back(p);
  const double q_end = 1 - b;
  for (double q = q_end < kClip ? kClip : q_end * kGrowth; q * kNearly < std::min(1 - a, 0.5); q *= kGrowth) shares.push_back(1 - q);
  std::sort(shares.begin(), shares.end());
  return shares;
}

}  // namespace

Moments Moments::of(std::span<const float> values) {
  Moments result;
  result.count = values.size();
  if (values.empty()) return result;
  double sum = 0;
  for (const float value : values) sum += value;
  result.mean = sum / static_cast<double>(values.size());
  for (const float value : values) {
    const double distance = value - result.mean;
    result.squares += distance * distance;
  }
  return result;
}

void Moments::merge(const Moments& other) {
  if (other.count == 0) return;
  const double n = static_cast<double>(count), m = static_cast<double>(other.count), all = n + m;
  const double distance = other.mean - mean;
  mean += distance * (m / all);
  squares += other.squares + distance * distance * (n * m / all);
  count += other.count;
}

double Moments::deviation() const { return count == 0 ? 0 : std::sqrt(squares / static_cast<double>(count)); }

Standardise make_standardise(const Moments& moments) {
  Standardise step;
  step.mean = static_cast<float>(moments.mean);
  const double deviation = moments.deviation();
  if (deviation > 1 / static_cast<double>(kLargest)) step.scale = static_cast<float>(1 / deviation);
  return step;
}

float median_of(std::span<const float> sorted) { return static_cast<float>(quantile_of(sorted, 0.5)); }

double quantile_of(std::span<const float> sorted, double p) {
  const double place = p * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const double a = sorted[below], b = sorted[std::min(below + 1, sorted.size() - 1)];
  return a + (place - static_cast<double>(below)) * (b - a);
}

QuantileNormal make_quantile_normal(std::span<const float> sorted, uint64_t rows, int64_t quantiles) {
  const int64_t wanted = std::max(std::min(static_cast<int64_t>(rows / kRowsPerQuantile), quantiles), kFewestQuantiles);
  const int64_t count = std::max<int64_t>(2, std::min(wanted, static_cast<int64_t>(sorted.size())));
  const std::vector<Knot> knots = tied_knots(sorted, count);
  QuantileNormal step;
  auto add = [&](double quantile, double share) {
    const auto value = static_cast<float>(quantile);
    if (!step.quantiles.empty() && !(value > step.quantiles.back())) return;
    step.quantiles.push_back(value);
    step.normals.push_back(static_cast<float>(clipped_normal(share)));
  };
  for (std::size_t k = 0; k < knots.size(); ++k) {
    if (k > 0) {
      const Knot &a = knots[k - 1], &b = knots[k];
      for (const double share : shares_between(a.share, b.share)) {
        const double quantile = a.quantile + (share - a.share) / (b.share - a.share) * (b.quantile - a.quantile);
        // Rounding must not move a knot onto the next one.
        if (static_cast<float>(quantile) < static_cast<float>(b.quantile)) add(quantile, share);
      }
    }
    add(knots[k].quantile, knots[k].share);
  }
  if (step.quantiles.size() == 1) {
    step.normals = {0, 0};
    step.quantiles.push_back(std::nextafter(step.quantiles[0], std::numeric_limits<float>::infinity()));
  }
  return step;
}

PiecewiseLinear make_piecewise_linear(std::span<const float> sorted, int64_t bins) {
  PiecewiseLinear step;
  for (int64_t i = 0; i <= bins; ++i) {
    const auto edge = static_cast<float>(quantile_of(sorted, static_cast<double>(i) / static_cast<double>(bins)));
    if (!step.edges.empty()) {
      const float width = edge - step.edges.back();
      if (!(width > 0) || !std::isfinite(1.0f / width)) continue;
    }
    step.edges.push_back(edge);
  }
  if (step.edges.size() == 1) step.edges.push_back(step.edges[0] + std::max(1.0f, std::abs(step.edges[0])));
  set_inverse_widths(step);
  return step;
}

void set_inverse_widths(PiecewiseLinear& step) {
  step.inverse_widths.clear();
  for (std::size_t t = 0; t + 1 < step.edges.size(); ++t) step.inverse_widths.push_back(1.0f / (step.edges[t + 1] - step.edges[t]));
}

std::vector<int32_t> kept_codes(std::span<const int64_t> counts, int64_t min_count, int64_t max_size) {
  std::vector<int32_t> codes;
  for (std::size_t code = 0; code < counts.size(); ++code) {
    if (counts[code] >= std::max<int64_t>(1, min_count)) codes.push_back(static_cast<int32_t>(code));
  }
  if (max_size > 0 && static_cast<int64_t>(codes.size()) > max_size) {
    std::stable_sort(codes.begin(), codes.end(), [&](int32_t a, int32_t b) {
      return counts[static_cast<std::size_t>(a)] > counts[static_cast<std::size_t>(b)];
    });
    codes.resize(static_cast<std::size_t>(max_size));
    std::sort(codes.begin(), codes.end());
  }
  return codes;
}

}  // namespace cohort::datasets
