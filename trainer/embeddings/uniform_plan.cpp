#include "trainer/embeddings/uniform_plan.h"

#include "trainer/flat_layout.h"

namespace cohort::trainer {

EmbeddingPlan uniform_plan(const std::vector<TableShape>& shapes, Placement placement, int ranks) {
  EmbeddingPlan plan;
  for (std::size_t t = 0; t < shapes.size(); ++t) {
    const auto [name, rows, dim, init_std] = shapes[t];
    TablePlan table{.placement = placement, .shards = {}, .hot_rows = {}, .reason = "asked for"};
    const int64_t lines = (dim + kLine - 1) / kLine;
    for (int r = 0; r < ranks; ++r) {
      if (placement == Placement::kTableWise && static_cast<int>(t) % ranks == r) table.shards.push_back({r, 0, rows, 0, dim});
      if (placement == Placement::kRowWise) {
        const int64_t first = rows * r / ranks, last = rows * (r + 1) / ranks;
        if (last > first) table.shards.push_back({r, first, last - first, 0, dim});
      }
      if (placement == Placement::kColumnWise) {
        const int64_t first = lines * r / ranks * kLine, last = std::min(dim, lines * (r + 1) / ranks * kLine);
        if (last > first) table.shards.push_back({r, 0, rows, first, last - first});
      }
    }
    plan.tables.push_back(std::move(table));
  }
  return plan;
}

}  // namespace cohort::trainer
