// Ranking measures of a binary score from counts alone: the same bits however the rows were divided and merged.
#pragma once

#include <cstdint>
#include <span>

namespace cohort::core {

/// Rows that share one score.
struct TieGroup {
  int64_t positives = 0;
  int64_t negatives = 0;
};

// All take groups in ascending order of their score, and give NaN where there are no positives or no negatives. Up to
// 2⁶² rows of each class.

/// Area under the ROC curve, ties counted one half (Mann & Whitney 1947; Fawcett, "An introduction to ROC analysis",
/// 2006, § 7): an integer numerator over 2·positives·negatives.
double auc(std::span<const TieGroup> groups);

/// Gini coefficient: 2·AUC − 1, from the same integers.
double gini(std::span<const TieGroup> groups);

/// Kolmogorov–Smirnov distance: the maximum over thresholds of TPR − FPR, from integers. One-sided: 0 for a score that
/// ranks everything the wrong way round.
double ks(std::span<const TieGroup> groups);

/// Average precision Σ (Rₙ − Rₙ₋₁)·Pₙ over distinct thresholds from the highest score down, without interpolation
/// (scikit-learn's average_precision_score). NaN where there are no positives; 1 where there are no negatives.
double average_precision(std::span<const TieGroup> groups);

}  // namespace cohort::core
