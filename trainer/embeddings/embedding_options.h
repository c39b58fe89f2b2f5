// The `[embeddings]` table: where tables may lie, which is no part of the result, and what they start from, which is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/options.h"
#include "models/initial_vectors.h"

namespace cohort::trainer {

/// One `[[embeddings.tables]]` table: what is wanted of the tables whose names fit. Of several that fit, the first counts.
struct TableRule {
  std::string match;                     ///< names of tables, * for any characters
  std::optional<std::string> placement;  ///< absent: embeddings.plan
  std::optional<int64_t> rank;           ///< table_wise alone; absent: the planner's choice
  std::optional<int64_t> shards;         ///< row_wise and column_wise alone; absent: as many as there are ranks and blocks
  std::optional<int64_t> hot_rows;       ///< exactly so many, whatever they cost; absent: embeddings.hot_rows
  static void describe(core::Describe<TableRule>& d);
};

struct EmbeddingOptions {
  std::string plan = "auto";
  double memory_mib = 0;             ///< of tables and their optimizer state on a rank; 0: no limit
  double replicate_below_mib = 64;   ///< auto alone: larger tables, state included, are never replicated
  int64_t hot_rows = 0;              ///< at most so many of a table, those that pay
  std::vector<TableRule> tables;
  std::vector<models::InitialVectorsOptions> initial;  ///< part of the result, unlike all else here
  static void describe(core::Describe<EmbeddingOptions>& d);
};

}  // namespace cohort::trainer
