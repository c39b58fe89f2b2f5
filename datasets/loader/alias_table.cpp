#include "datasets/loader/alias_table.h"

#include <numeric>

#include "core/error.h"

namespace cohort::datasets {

AliasTable::AliasTable(std::span<const uint64_t> weights) : thresholds_(weights.size(), UINT64_MAX), aliases_(weights.size()) {
  std::iota(aliases_.begin(), aliases_.end(), 0u);
  const uint64_t sum = std::accumulate(weights.begin(), weights.end(), uint64_t{0});
  if (sum == 0 || sum >> 63 != 0) throw core::failed_error("a distribution needs weights with a sum above 0 and below 2^63");
  // In units of which each column holds `sum`.
  std::vector<unsigned __int128> left;
  left.reserve(weights.size());
  std::vector<uint32_t> small, large;
  for (uint32_t i = 0; i < weights.size(); ++i) {
    left.push_back(static_cast<unsigned __int128>(weights[i]) * weights.size());
    (left[i] < sum ? small : large).push_back(i);
  }
  while (!small.empty() && !large.empty()) {
    const uint32_t a = small.back(), b = large.back();
    small.pop_back();
    thresholds_[a] = static_cast<uint64_t>((left[a] << 64) / sum);
    aliases_[a] = b;
    left[b] -= sum - left[a];
    if (left[b] >= sum) continue;
    large.pop_back();
    small.push_back(b);
  }
  // Exact sums leave only full columns, which are their own alias.
}

}  // namespace cohort::datasets
