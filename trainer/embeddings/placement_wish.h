// What `[embeddings]` says of each table, checked against the table and the ranks.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "trainer/embeddings/embedding_options.h"
#include "trainer/embeddings/plan.h"
#include "trainer/embeddings/table_demand.h"

namespace cohort::trainer {

/// Shards by columns begin at multiples of this.
inline constexpr int64_t kColumnBlock = 16;

struct PlacementWish {
  std::optional<Placement> placement;  ///< absent: the planner's choice
  std::optional<int> rank;             ///< of a table-wise table
  int64_t shards = 0;                  ///< 0: as many as possible
  std::optional<int64_t> hot_rows;     ///< exactly so many
  std::string source;                  ///< the option that says so, for messages
};

/// One wish a table. Throws Error (usage) for a pattern that no table fits, a rank that isn't there, more shards than ranks or than blocks of
/// columns, and a table too narrow to be cut by columns.
std::vector<PlacementWish> placement_wishes(std::span<const TableDemand> tables, const EmbeddingOptions& options, int ranks);

/// Parts a table of so many columns can be cut into.
int64_t column_blocks(int64_t dim);

}  // namespace cohort::trainer
