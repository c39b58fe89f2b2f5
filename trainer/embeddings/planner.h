// Cuts embedding tables over ranks, by what costs least, within limits.
#pragma once

#include <span>

#include "trainer/embeddings/embedding_options.h"
#include "trainer/embeddings/plan.h"
#include "trainer/embeddings/plan_prediction.h"
#include "trainer/embeddings/table_demand.h"

namespace cohort::trainer {

/// Local. One entry a table, in the order given; the same for the same input and build, so that rank 0's costs, broadcast, give one plan.
///
/// Tables that leave no choice are placed first, the others by falling cost, then bytes, then position. Each takes the placement with the least work
/// over all ranks; work that would put a rank above an even share of the whole counts once for every rank, since the others wait for it. A
/// whole table goes to the rank with least to do (longest processing time first; Graham, "Bounds on multiprocessing timing anomalies", SIAM J.
/// Appl. Math. 17, 1969). Where memory runs out, tables are placed by falling bytes, then so that the fullest rank stays as empty as
/// possible. In auto, tables are replicated all together where that costs least of all.
///
/// Rows are cut evenly, shard i from rows·i/n on, none of them empty; so a table with fewer rows than ranks leaves some without. Columns are
/// cut at multiples of 16. Shards are in order of rows or columns.
///
/// Throws Error (usage): what placement_wishes refuses, and a table that no allowed placement fits under the memory limit.
EmbeddingPlan plan_tables(std::span<const TableDemand> tables, const PlanSetting& setting, const EmbeddingOptions& options);

/// Even ranges of rows on these ranks, in this order; ranks beyond the number of rows get none.
std::vector<TableShard> row_shards(int64_t rows, int64_t dim, std::span<const int> ranks);
/// Ranges of columns, multiples of 16 but for the last one's end. There must be no more ranks than blocks of 16.
std::vector<TableShard> column_shards(int64_t rows, int64_t dim, std::span<const int> ranks);

}  // namespace cohort::trainer
