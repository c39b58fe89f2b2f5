#include "core/stats/binary_counts.h"

#include <algorithm>
#include <limits>

namespace cohort::core {
namespace {

__extension__ using Wide = __int128;
constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

TieGroup total_of(std::span<const TieGroup> groups) {
  TieGroup total;
  for (const TieGroup& group : groups) {
    total.positives += group.positives;
    total.negatives += group.negatives;
  }
  return total;
}

/// Twice the number of (positive, negative) pairs in the right order, a tie counting one half.
Wide doubled_concordant_pairs(std::span<const TieGroup> groups) {
  Wide doubled = 0;
  int64_t below = 0;
  for (const TieGroup& group : groups) {
    doubled += Wide{group.positives} * (Wide{2} * below + group.negatives);
    below += group.negatives;
  }
  return doubled;
}

Wide pairs_of(const TieGroup& total) { return Wide{total.positives} * total.negatives; }

double ratio(Wide numerator, Wide denominator) { return static_cast<double>(numerator) / static_cast<double>(denominator); }

}  // namespace

double auc(std::span<const TieGroup> groups) {
  const Wide pairs = pairs_of(total_of(groups));
  return pairs == 0 ? kUndefined : ratio(doubled_concordant_pairs(groups), 2 * pairs);
}

double gini(std::span<const TieGroup> groups) {
  const Wide pairs = pairs_of(total_of(groups));
  return pairs == 0 ? kUndefined : ratio(doubled_concordant_pairs(groups) - pairs, pairs);
}

double ks(std::span<const TieGroup> groups) {
  const TieGroup total = total_of(groups);
  const Wide pairs = pairs_of(total);
  if (pairs == 0) return kUndefined;
  Wide largest = 0;
  TieGroup below;
  for (const TieGroup& group : groups) {
    below.positives += group.positives;
    below.negatives += group.negatives;
    const Wide difference = Wide{below.negatives} * total.positives - Wide{below.positives} * total.negatives;
    largest = std::max(largest, difference);
  }
  return ratio(largest, pairs);
}

double average_precision(std::span<const TieGroup> groups) {
  const TieGroup total = total_of(groups);
  if (total.positives == 0) return kUndefined;
  double sum = 0;
  TieGroup above;
  for (auto group = groups.rbegin(); group != groups.rend(); ++group) {
    above.positives += group->positives;
    above.negatives += group->negatives;
    if (group->positives == 0) continue;
    const double precision = static_cast<double>(above.positives) / static_cast<double>(above.positives + above.negatives);
    sum += static_cast<double>(group->positives) * precision;
  }
  return sum / static_cast<double>(total.positives);
}

}  // namespace cohort::core
