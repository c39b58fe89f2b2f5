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

}  // namespace cohort::trainer
