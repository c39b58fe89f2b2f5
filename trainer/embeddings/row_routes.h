// Which distinct rows of a lookup lie in which shard.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "trainer/embeddings/embedding_tables.h"

namespace cohort::trainer {

/// Positions [begin, end) of a sorted list of rows that fall into a shard. Hot rows and rows that a cold shard doesn't keep up to date are among them: ask
/// StoredShard::place_of for each row. For a shard of hot rows it is the whole list.
struct RowSpan {
  std::size_t begin = 0, end = 0;
};
RowSpan rows_in(std::span<const int32_t> rows, const StoredShard& shard);

/// Whether a reading rank takes the shard's rows at all: it reads replicas of its own alone.
inline bool reads_from(const StoredShard& shard, int shard_rank, int reader) { return !shard.replica || shard_rank == reader; }

/// Calls work(position in `rows`, place in the shard) for the rows that the shard keeps up to date. `rows` are ascending.
template <class Work>
void for_rows_kept(const EmbeddingPlan& plan, const StoredShard& shard, std::span<const int32_t> rows, Work&& work) {
  const std::vector<int64_t>& hot_rows = plan.tables[shard.table].hot_rows;
  const RowSpan span = rows_in(rows, shard);
  for (std::size_t i = span.begin; i < span.end; ++i) {
    if (const int64_t place = shard.place_of(rows[i], hot_rows); place >= 0) work(i, place);
  }
}

}  // namespace cohort::trainer
