#include "trainer/embeddings/uniform_plan.h"

#include <algorithm>
#include <numeric>

#include "trainer/embeddings/planner.h"
#include "trainer/flat_layout.h"

namespace cohort::trainer {

EmbeddingPlan uniform_plan(const std::vector<TableShape>& shapes, Placement placement, int ranks) {
  std::vector<int> all(static_cast<std::size_t>(ranks));
  std::iota(all.begin(), all.end(), 0);
  EmbeddingPlan plan;
  for (std::size_t t = 0; t < shapes.size(); ++t) {
    const int64_t rows = shapes[t].rows, dim = shapes[t].dim;
    TablePlan table{.placement = placement, .shards = {}, .hot_rows = {}, .reason = "asked for"};
    if (placement == Placement::kTableWise) table.shards = {{static_cast<int>(t) % ranks, 0, rows, 0, dim}};
    if (placement == Placement::kRowWise) table.shards = row_shards(rows, dim, all);
    if (placement == Placement::kColumnWise) {
      const auto blocks = static_cast<std::size_t>((dim + kLine - 1) / kLine);
      table.shards = column_shards(rows, dim, std::span(all).first(std::min(all.size(), blocks)));
    }
    plan.tables.push_back(std::move(table));
  }
  return plan;
}

}  // namespace cohort::trainer
