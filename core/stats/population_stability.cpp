#include "core/stats/population_stability.h"

#include <cmath>
#include <cstddef>

#include <boost/math/distributions/chi_squared.hpp>
#include <fmt/format.h>

#include "core/error.h"

namespace cohort::core {

Stability population_stability(std::span<const uint64_t> reference, std::span<const uint64_t> other, double n, double m) {
  if (reference.size() != other.size())
    throw usage_error(fmt::format("{} bins can't be compared with {}", reference.size(), other.size()), "count both samples over the same bins");
  Stability result;
  double reference_rows = 0, other_rows = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    if (reference[i] + other[i] == 0) continue;
    ++result.bins;
    reference_rows += static_cast<double>(reference[i]) + 0.5;
    other_rows += static_cast<double>(other[i]) + 0.5;
  }
  if (result.bins < 2) return result;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    if (reference[i] + other[i] == 0) continue;
    const double a = (static_cast<double>(reference[i]) + 0.5) / reference_rows, b = (static_cast<double>(other[i]) + 0.5) / other_rows;
    result.index += (b - a) * std::log(b / a);
  }
  const boost::math::chi_squared law(result.bins - 1);
  result.p_value = boost::math::cdf(boost::math::complement(law, n * m / (n + m) * result.index));
  return result;
}

double stability_limit(int bins, double n, double m, double level) {
  if (bins < 2) return 0;
  const boost::math::chi_squared law(bins - 1);
  return boost::math::quantile(boost::math::complement(law, level)) * (1 / n + 1 / m);
}

}  // namespace cohort::core
