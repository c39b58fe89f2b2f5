#include "trainer/embeddings/initial_rows.h"

namespace cohort::trainer {

void start_from(EmbeddingTables& tables, std::size_t table, const models::InitialVectors& vectors) {
  for (const StoredShard& shard : tables.own_shards()) {
    if (shard.table != table) continue;
    const int64_t columns = shard.where.columns;
    if (shard.hot == nullptr) {
      vectors.copy(shard.where.first_row, shard.where.rows, shard.where.first_column, columns, shard.values, columns);
      continue;
    }
    for (std::size_t i = 0; i < shard.hot->size(); ++i)
      vectors.copy((*shard.hot)[i], 1, shard.where.first_column, columns, shard.values + static_cast<int64_t>(i) * columns, columns);
  }
}

}  // namespace cohort::trainer
