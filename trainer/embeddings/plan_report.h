// A plan as text for people and as JSON for programs.
#pragma once

#include <span>
#include <string>

#include <nlohmann/json.hpp>

#include "trainer/embeddings/plan.h"
#include "trainer/embeddings/plan_prediction.h"
#include "trainer/embeddings/table_demand.h"

namespace cohort::trainer {

/// A line a table (name, rows x dim, MiB with state, placement, ranks, why), then the fullest rank's MiB and the predicted time of a step. Ends with a
/// line break.
std::string plan_text(const EmbeddingPlan& plan, std::span<const TableDemand> tables, const PlanSetting& setting);

/// {"tables": [{"name", "rows", "dim", "placement", "shards": [{"rank", "first_row", "rows", "first_column", "columns"}, …], "hot_rows", "reason"}, …]}
nlohmann::ordered_json to_json(const EmbeddingPlan& plan, std::span<const TableDemand> tables);
/// The inverse, for a plan that rank 0 made. Throws Error (damaged) on anything unexpected.
EmbeddingPlan plan_from_json(const nlohmann::json& json);

/// Throws Error (damaged) naming table and reason unless shards are within the table and the ranks, disjoint and cover it (none where it is
/// replicated), columns begin at multiples of 16, and hot rows ascend within the table.
void check_plan(const EmbeddingPlan& plan, std::span<const TableDemand> tables, int ranks);

}  // namespace cohort::trainer
