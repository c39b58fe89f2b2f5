// Many tests at once.
#pragma once

#include <cstddef>
#include <span>

namespace cohort::core {

/// Benjamini & Hochberg, "Controlling the false discovery rate", Journal of the Royal Statistical Society B 57, 1995: the largest p-value
/// p₍ₖ₎ with p₍ₖ₎ ≤ k·rate/tests; tests with a p-value up to it are discoveries, of which a share of at most `rate` is expected to be
/// false. It holds for independent tests and for such as hang together positively (Benjamini & Yekutieli, Annals of Statistics 29, 2001).
struct Discoveries {
  std::size_t count = 0;
  double largest = -1;  ///< the largest p-value among them; −1 for none
  double level = 0;     ///< what each of them was held against: count·rate/tests; with none, rate/tests
};
Discoveries benjamini_hochberg(std::span<const double> p_values, double rate);

}  // namespace cohort::core
