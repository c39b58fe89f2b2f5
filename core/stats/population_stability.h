// How far two samples of counts over the same bins are apart, and how far chance alone would bring them.
#pragma once

#include <cstdint>
#include <span>

namespace cohort::core {

/// The population stability index of two samples and its law where both come from one population.
struct Stability {
  double index = 0;    ///< Σ (bᵢ − aᵢ)·ln(bᵢ/aᵢ) over the shares of the two samples
  double p_value = 1;  ///< of an index at least as large, were there no shift; 1 where there are fewer than two bins
  int bins = 0;        ///< that hold a row of either sample
};

/// Index of `other` against `reference`: counts a bin, equally many of each. Every count is raised by one half, so that an empty bin has
/// a logarithm. Without a shift n·m/(n+m) times the index is χ² distributed with bins − 1 degrees of freedom, for samples of n and m
/// rows: Yurdakul & Naranjo, "Statistical properties of the population stability index", Journal of Risk Model Validation 14(4), 2020.
/// `n` and `m` are the *effective* sample sizes: fewer than the rows where rows come in groups. The law is good where the smaller
/// sample expects ten rows or more in each bin. Throws Error (usage) on lists of unequal length.
Stability population_stability(std::span<const uint64_t> reference, std::span<const uint64_t> other, double n, double m);

/// The index that samples of these effective sizes exceed with probability `level` though there is no shift.
double stability_limit(int bins, double n, double m, double level);

}  // namespace cohort::core
