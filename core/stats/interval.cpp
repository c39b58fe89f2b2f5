#include "core/stats/interval.h"

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <boost/math/distributions/students_t.hpp>
#include <fmt/format.h>

#include "core/error.h"

namespace cohort::core {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

Interval mean_interval(std::span<const double> values, double confidence) {
  if (values.empty()) return {kUnknown, kUnknown, kUnknown, kUnknown, kUnknown};
  const auto n = static_cast<double>(values.size());
  double sum = 0;
  for (const double value : values) sum += value;
  const double mean = sum / n;
  if (values.size() == 1) return {mean, kUnknown, -kInfinity, kInfinity, kUnknown};
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double deviation = std::sqrt(squares / (n - 1));
  const double error = deviation / std::sqrt(n);
  if (!std::isfinite(error)) return {mean, deviation, kUnknown, kUnknown, kUnknown};
  if (error == 0) return {mean, 0, mean, mean, mean == 0 ? 1.0 : 0.0};
  const boost::math::students_t distribution(n - 1);
  const double half = boost::math::quantile(boost::math::complement(distribution, (1 - confidence) / 2)) * error;
  const double p = 2 * boost::math::cdf(boost::math::complement(distribution, std::fabs(mean) / error));
  return {mean, deviation, mean - half, mean + half, p};
}

Interval paired_interval(std::span<const double> a, std::span<const double> b, double confidence) {
  if (a.size() != b.size())
    throw usage_error(fmt::format("{} values can't be paired with {}", a.size(), b.size()), "compare runs over the same folds and seeds");
  std::vector<double> differences(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) differences[i] = a[i] - b[i];
  return mean_interval(differences, confidence);
}

}  // namespace cohort::core
