#include "trainer/embeddings/row_routes.h"

#include <algorithm>

namespace cohort::trainer {

RowSpan rows_in(std::span<const int32_t> rows, const StoredShard& shard) {
  if (shard.hot != nullptr) return {0, rows.size()};
  const auto at = [&](int64_t row) {
    return static_cast<std::size_t>(std::lower_bound(rows.begin(), rows.end(), row, [](int32_t a, int64_t b) { return a < b; }) - rows.begin());
  };
  return {at(shard.where.first_row), at(shard.where.first_row + shard.where.rows)};
}

}  // namespace cohort::trainer
