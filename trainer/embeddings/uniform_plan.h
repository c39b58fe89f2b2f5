// A plan that places all tables alike.
#pragma once

#include "trainer/embeddings/embedding_tables.h"
#include "trainer/embeddings/plan.h"

namespace cohort::trainer {

/// table_wise: tables are dealt out in turn; row_wise: even ranges; column_wise: even ranges of whole lines of 16 floats.
EmbeddingPlan uniform_plan(const std::vector<TableShape>& shapes, Placement placement, int ranks);

}  // namespace cohort::trainer
