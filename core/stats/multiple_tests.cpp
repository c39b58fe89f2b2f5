#include "core/stats/multiple_tests.h"

#include <algorithm>
#include <vector>

namespace cohort::core {

Discoveries benjamini_hochberg(std::span<const double> p_values, double rate) {
  std::vector<double> sorted(p_values.begin(), p_values.end());
  std::sort(sorted.begin(), sorted.end());
  const auto tests = static_cast<double>(sorted.size());
  Discoveries found;
  if (sorted.empty()) return found;
  found.level = rate / tests;
  for (std::size_t k = sorted.size(); k > 0; --k) {
    const double level = static_cast<double>(k) * rate / tests;
    if (sorted[k - 1] > level) continue;
    found = {k, sorted[k - 1], level};
    break;
  }
  return found;
}

}  // namespace cohort::core
