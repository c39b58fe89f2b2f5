// Tables that start from given vectors.
#pragma once

#include "models/initial_vectors.h"
#include "trainer/embeddings/embedding_tables.h"

namespace cohort::trainer {

/// Overwrites the rows of this rank's shards of `table` that have a vector. Local; others must not be reading.
void start_from(EmbeddingTables& tables, std::size_t table, const models::InitialVectors& vectors);

}  // namespace cohort::trainer
