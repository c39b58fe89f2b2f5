#include "core/stats/calibration.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace cohort::core {

std::size_t calibration_bin(double p, std::size_t bins) {
  if (!(p > 0)) return 0;
  if (p >= 1) return bins - 1;
  return std::min(static_cast<std::size_t>(p * static_cast<double>(bins)), bins - 1);
}

double expected_calibration_error(std::span<const CalibrationBin> bins) {
  int64_t rows = 0;
  double gap = 0;
  for (const CalibrationBin& bin : bins) {
    rows += bin.rows;
    // n_b·|mean label − mean prediction| needs no division by n_b.
    gap += std::fabs(static_cast<double>(bin.positives) - bin.prediction_sum);
  }
  return rows == 0 ? std::numeric_limits<double>::quiet_NaN() : gap / static_cast<double>(rows);
}

}  // namespace cohort::core
