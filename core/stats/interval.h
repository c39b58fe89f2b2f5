// Confidence intervals of means.
#pragma once

#include <span>

namespace cohort::core {

struct Interval {
  double mean = 0;
  double standard_deviation = 0;  ///< of the values, n − 1 in the denominator
  double low = 0, high = 0;
  double p_value = 0;  ///< two-sided, of the hypothesis that the true mean is 0
};

/// Student's t interval of a mean (Student 1908); `confidence` in (0, 1). Without values all is NaN; with one value the
/// interval is the whole line and the p-value NaN. Equal values have an interval of no width, and p-value 0 (1 where
/// they are 0).
Interval mean_interval(std::span<const double> values, double confidence = 0.95);

/// The interval of the mean difference a − b of paired values, such as two models on the same folds. Folds of one
/// cross-validation share training rows, so it is too narrow as a statement about new data: see Nadeau & Bengio,
/// "Inference for the generalization error", Machine Learning 52, 2003. Throws Error (usage) on unequal lengths.
Interval paired_interval(std::span<const double> a, std::span<const double> b, double confidence = 0.95);

}  // namespace cohort::core
