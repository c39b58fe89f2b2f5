// Exact quantiles of sorted values.
#pragma once

#include <span>

namespace cohort::core {

/// Quantile `q` in [0, 1] of ascending values by linear interpolation between neighbours: definition 7 of Hyndman &
/// Fan, "Sample quantiles in statistical packages" (The American Statistician 50, 1996); what numpy.quantile gives by
/// default. NaN for no values. The values must hold no NaN.
double quantile(std::span<const double> sorted, double q);
double quantile(std::span<const float> sorted, double q);

}  // namespace cohort::core
