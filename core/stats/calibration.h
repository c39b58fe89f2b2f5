// How far predicted probabilities are from observed frequencies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace cohort::core {

/// What one bin of predictions holds.
struct CalibrationBin {
  int64_t rows = 0;
  int64_t positives = 0;
  double prediction_sum = 0;
};

/// The bin of a probability among `bins` of equal width on [0, 1]: min(⌊bins·p⌋, bins − 1); probabilities outside go to
/// the ends.
std::size_t calibration_bin(double p, std::size_t bins);

/// Expected calibration error Σ_b n_b/n·|mean label − mean prediction| (Naeini, Cooper & Hauskrecht, "Obtaining well
/// calibrated probabilities using Bayesian binning", AAAI 2015); ECE15 has 15 bins. NaN without rows.
double expected_calibration_error(std::span<const CalibrationBin> bins);

}  // namespace cohort::core
