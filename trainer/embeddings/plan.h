// Where each embedding table lies: which rank keeps and updates which part of it. No part of the result.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cohort::trainer {

/// A rectangle of a table that one rank keeps and updates.
struct TableShard {
  int rank = 0;
  int64_t first_row = 0, rows = 0;
  int64_t first_column = 0, columns = 0;  ///< multiples of 16 floats but for the table's end, so that no boundary falls into a vector
  bool operator==(const TableShard&) const = default;
};

enum class Placement {
  kTableWise,   ///< whole, on one rank
  kRowWise,     ///< ranges of rows
  kColumnWise,  ///< ranges of columns
  kReplicated,  ///< whole, on every rank, each of which makes every update
};
std::string to_string(Placement placement);  ///< "table_wise", …

struct TablePlan {
  Placement placement = Placement::kReplicated;
  std::vector<TableShard> shards;  ///< disjoint, covering the table; none where it is replicated. A rank may have none or several
  std::vector<int64_t> hot_rows;   ///< ascending; these are replicated on every rank whatever the placement
  std::string reason;              ///< one line for people: bytes, traffic
};

/// One entry a table, in the order of the net's tables. Equal on all ranks.
struct EmbeddingPlan {
  std::vector<TablePlan> tables;
};

}  // namespace cohort::trainer
