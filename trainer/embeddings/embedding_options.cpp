#include "trainer/embeddings/embedding_options.h"

namespace cohort::trainer {
namespace {

const std::vector<std::string> kPlanNames = {"auto", "table_wise", "row_wise", "column_wise", "replicated"};

}  // namespace

void TableRule::describe(core::Describe<TableRule>& d) {
  using O = TableRule;
  d.field("match", &O::match, "names of embedding tables, * for any characters").required().non_empty();
  d.field("placement", &O::placement, "how these tables are cut over ranks; left out, it is embeddings.plan").one_of(kPlanNames);
  d.field("rank", &O::rank, "the rank that keeps a table_wise table; left out, the planner chooses").min(0);
  d.field("shards", &O::shards, "parts of a row_wise or column_wise table, at most one a rank; left out, as many as possible").min(1);
  d.field("hot_rows", &O::hot_rows, "most frequent rows that every rank keeps, exactly so many; left out, embeddings.hot_rows").min(0).unit("rows");
  d.rule("rank", [](const O& o) {
    return std::string(!o.rank || o.placement == "table_wise" ? "" : "only a table_wise table lies on one rank");
  }, "add placement = \"table_wise\", or leave rank out");
  d.rule("shards", [](const O& o) {
    return std::string(!o.shards || o.placement == "row_wise" || o.placement == "column_wise" ? "" : "only row_wise and column_wise tables have shards");
  }, "add placement = \"row_wise\" or \"column_wise\", or leave shards out");
  d.rule("hot_rows", [](const O& o) {
    return std::string(!o.hot_rows || *o.hot_rows == 0 || o.placement != "replicated" ? "" : "all rows of a replicated table are on every rank already");
  }, "leave hot_rows out, or choose another placement");
}

void EmbeddingOptions::describe(core::Describe<EmbeddingOptions>& d) {
  using O = EmbeddingOptions;
  d.field("plan", &O::plan, "how embedding tables are cut over ranks; auto takes for each table what costs least. No part of the result").one_of(kPlanNames);
  d.field("memory_mib", &O::memory_mib, "limit of a rank for tables and their optimizer state; 0 sets none").min(0).unit("MiB");
  d.field("replicate_below_mib", &O::replicate_below_mib, "auto: a table that takes more, state included, is never replicated").min(0).unit("MiB");
  d.field("hot_rows", &O::hot_rows, "most frequent rows of a table that every rank keeps, at most, where that costs less than their exchange; 0 keeps none")
      .min(0).unit("rows");
  d.tables("tables", &O::tables, "tables that are placed otherwise; of several that fit a name, the first counts");
  d.tables("initial", &O::initial, "tables that start from given vectors, found by value; at most one entry a table");
}

}  // namespace cohort::trainer
