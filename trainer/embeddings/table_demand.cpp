#include "trainer/embeddings/table_demand.h"

#include <algorithm>
#include <cmath>

namespace cohort::trainer {
namespace {

constexpr int kBisections = 60;

/// Different ones of n draws from N alike.
double occupied(double n, double N) {
  if (N <= 0 || n <= 0) return 0;
  if (N <= 1) return 1;
  return -N * std::expm1(n * std::log1p(-1 / N));
}

/// That a row with this share is among n draws.
double drawn(double share, double n) { return share >= 1 ? 1 : -std::expm1(n * std::log1p(-share)); }

}  // namespace

std::vector<RowCount> most_frequent(std::span<const int64_t> counts, int64_t limit) {
  std::vector<RowCount> rows;
  for (std::size_t i = 0; i < counts.size(); ++i)
    if (counts[i] > 0) rows.push_back({static_cast<int64_t>(i), static_cast<double>(counts[i])});
  const auto kept = static_cast<std::ptrdiff_t>(std::min<std::size_t>(rows.size(), static_cast<std::size_t>(std::max<int64_t>(limit, 0))));
  std::partial_sort(rows.begin(), rows.begin() + kept, rows.end(),
                    [](const RowCount& a, const RowCount& b) { return a.count != b.count ? a.count > b.count : a.row < b.row; });
  rows.resize(static_cast<std::size_t>(kept));
  return rows;
}

double table_bytes(double rows, double columns, const StateSize& state) {
  return 4 * rows * (columns * (1 + state.per_element) + state.per_row);
}

UniqueIds::UniqueIds(const TableDemand& demand, double draws) : demand_(demand) {
  double listed = 0;
  for (const RowCount& row : demand.frequent) listed += row.count;
  const double all = std::max(demand.counted, listed);
  if (all > 0)
    for (const RowCount& row : demand.frequent) shares_.push_back(row.count / all);
  rest_ = all > 0 ? std::max(0.0, 1 - listed / all) : 1;
  const double others = static_cast<double>(demand.rows) - static_cast<double>(shares_.size());
  effective_ = std::max(others, 0.0);
  if (demand.unique_ids <= 0) return;
  double wanted = demand.unique_ids;
  for (std::size_t i = 0; i < shares_.size(); ++i) wanted -= chance(i, draws);
  const double n = draws * rest_;
  if (wanted >= occupied(n, effective_)) return;
  double low = 0, high = effective_;
  for (int i = 0; i < kBisections; ++i) {
    const double middle = (low + high) / 2;
    (occupied(n, middle) < wanted ? low : high) = middle;
  }
  effective_ = high;
}

double UniqueIds::chance(std::size_t i, double draws) const { return drawn(shares_[i], draws); }

double UniqueIds::expected(double draws, std::size_t hot) const {
  double different = occupied(draws * rest_, effective_);
  for (std::size_t i = hot; i < shares_.size(); ++i) different += chance(i, draws);
  return std::clamp(different, 0.0, std::max(0.0, static_cast<double>(demand_.rows) - static_cast<double>(hot)));
}

}  // namespace cohort::trainer
