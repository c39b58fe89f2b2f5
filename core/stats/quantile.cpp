#include "core/stats/quantile.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace cohort::core {
namespace {

template <class T>
double interpolated(std::span<const T> sorted, double q) {
  if (sorted.empty()) return std::numeric_limits<double>::quiet_NaN();
  const double position = std::clamp(q, 0.0, 1.0) * static_cast<double>(sorted.size() - 1);
  const double whole = std::floor(position);
  const auto below = static_cast<std::size_t>(whole);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  const auto a = static_cast<double>(sorted[below]), b = static_cast<double>(sorted[above]);
  // Equal neighbours first: between two infinities there is no difference to take.
  if (a == b || position == whole) return a;
  const double t = position - whole;
  // From the nearer end, so that the result never leaves [a, b] and is symmetric, as numpy does it.
  return t < 0.5 ? a + (b - a) * t : b - (b - a) * (1 - t);
}

}  // namespace

double quantile(std::span<const double> sorted, double q) { return interpolated(sorted, q); }
double quantile(std::span<const float> sorted, double q) { return interpolated(sorted, q); }

}  // namespace cohort::core
