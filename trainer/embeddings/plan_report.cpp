#include "trainer/embeddings/plan_report.h"

#include <algorithm>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "core/error.h"
#include "datasets/json_reader.h"
#include "trainer/embeddings/placement_wish.h"

namespace cohort::trainer {
namespace {

using datasets::JsonReader;

constexpr double kMiB = 1 << 20;

/// "all", "3", "0-2,5".
std::string rank_ranges(const TablePlan& plan) {
  if (plan.placement == Placement::kReplicated) return "all";
  std::set<int> ranks;
  for (const TableShard& shard : plan.shards) ranks.insert(shard.rank);
  std::string text;
  for (auto at = ranks.begin(); at != ranks.end();) {
    const int first = *at;
    int last = first;
    while (++at != ranks.end() && *at == last + 1) last = *at;
    text += fmt::format("{}{}", text.empty() ? "" : ",", first);
    if (last > first) text += fmt::format("-{}", last);
  }
  return text;
}

Placement placement_of(const JsonReader& json) {
  const std::string word = json.text();
  for (const Placement placement : {Placement::kTableWise, Placement::kRowWise, Placement::kColumnWise, Placement::kReplicated})
    if (to_string(placement) == word) return placement;
  json.fail("a placement");
}

[[noreturn]] void refuse_plan(const TableDemand& table, const std::string& why) {
  throw core::damaged_error(fmt::format("the plan of the embedding table '{}' {}", table.name, why), "plan again, with the tables and ranks there are");
}

/// All shards span all rows or all columns, so they are intervals of the other.
void check_shards(const TablePlan& plan, const TableDemand& table, int ranks) {
  int64_t next_row = 0, next_column = 0;
  for (const TableShard& shard : plan.shards) {
    if (shard.rank < 0 || shard.rank >= ranks) refuse_plan(table, fmt::format("names rank {} of {}", shard.rank, ranks));
    const bool whole_rows = shard.first_column == 0 && shard.columns == table.dim, whole_columns = shard.first_row == 0 && shard.rows == table.rows;
    if (!whole_rows && !whole_columns) refuse_plan(table, "cuts rows and columns at once");
    if (shard.first_column % kColumnBlock != 0) refuse_plan(table, fmt::format("begins a shard at column {}", shard.first_column));
    if (whole_rows ? shard.first_row != next_row : shard.first_column != next_column) refuse_plan(table, "has shards that overlap or leave a gap");
    if (shard.rows < 1 || shard.columns < 1) refuse_plan(table, "has an empty shard");
    if (whole_rows) next_row += shard.rows;
    else next_column += shard.columns;
  }
  const bool by_rows = next_row == table.rows && next_column == 0, by_columns = next_column == table.dim && next_row == 0;
  if (plan.placement == Placement::kReplicated ? !plan.shards.empty() : !by_rows && !by_columns) refuse_plan(table, "doesn't cover the table once");
}

}  // namespace

std::string plan_text(const EmbeddingPlan& plan, std::span<const TableDemand> tables, const PlanSetting& setting) {
  std::vector<std::vector<std::string>> rows = {{"table", "rows x dim", "MiB", "placement", "ranks", "why"}};
  for (std::size_t t = 0; t < tables.size(); ++t) {
    const TableDemand& table = tables[t];
    const TablePlan& placed = plan.tables.at(t);
    rows.push_back({table.name, fmt::format("{} x {}", table.rows, table.dim),
                    fmt::format("{:.1f}", table_bytes(static_cast<double>(table.rows), static_cast<double>(table.dim), setting.state) / kMiB),
                    to_string(placed.placement), rank_ranges(placed), placed.reason});
  }
  std::vector<std::size_t> widths(rows[0].size());
  for (const auto& row : rows)
    for (std::size_t c = 0; c + 1 < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t c = 0; c + 1 < row.size(); ++c)
      text += c == 1 || c == 2 ? fmt::format("{:>{}}  ", row[c], widths[c]) : fmt::format("{:<{}}  ", row[c], widths[c]);
    text += row.back() + "\n";
  }
  const PlanPrediction prediction = predict(plan, tables, setting);
  double fullest = 0;
  for (const RankLoad& load : prediction.ranks) fullest = std::max(fullest, load.memory);
  text += fmt::format("{:.1f} MiB on the fullest of {} ranks; predicted for a step: {:.0f} us (lookup {:.0f}, exchange {:.0f}, update {:.0f})\n",
                      fullest / kMiB, setting.ranks(), prediction.seconds * 1e6, prediction.lookup * 1e6, prediction.exchange * 1e6, prediction.update * 1e6);
  return text;
}

nlohmann::ordered_json to_json(const EmbeddingPlan& plan, std::span<const TableDemand> tables) {
  auto list = nlohmann::ordered_json::array();
  for (std::size_t t = 0; t < tables.size(); ++t) {
    const TablePlan& placed = plan.tables.at(t);
    auto shards = nlohmann::ordered_json::array();
    for (const TableShard& shard : placed.shards)
      shards.push_back({{"rank", shard.rank},
                        {"first_row", shard.first_row},
                        {"rows", shard.rows},
                        {"first_column", shard.first_column},
                        {"columns", shard.columns}});
    list.push_back({{"name", tables[t].name},
                    {"rows", tables[t].rows},
                    {"dim", tables[t].dim},
                    {"placement", to_string(placed.placement)},
                    {"shards", std::move(shards)},
                    {"hot_rows", placed.hot_rows},
                    {"reason", placed.reason}});
  }
  return {{"tables", std::move(list)}};
}

EmbeddingPlan plan_from_json(const nlohmann::json& json) {
  EmbeddingPlan plan;
  for (const JsonReader& table : JsonReader(json).at("tables").elements()) {
    TablePlan& placed = plan.tables.emplace_back();
    placed.placement = placement_of(table.at("placement"));
    for (const JsonReader& shard : table.at("shards").elements())
      placed.shards.push_back({static_cast<int>(shard.at("rank").integer()), shard.at("first_row").integer(), shard.at("rows").integer(),
                               shard.at("first_column").integer(), shard.at("columns").integer()});
    placed.hot_rows = table.at("hot_rows").integers();
    placed.reason = table.at("reason").text();
  }
  return plan;
}

void check_plan(const EmbeddingPlan& plan, std::span<const TableDemand> tables, int ranks) {
  if (plan.tables.size() != tables.size())
    throw core::damaged_error(fmt::format("the embedding plan has {} tables, the net {}", plan.tables.size(), tables.size()),
                              "plan again, with the tables there are");
  for (std::size_t t = 0; t < tables.size(); ++t) {
    check_shards(plan.tables[t], tables[t], ranks);
    int64_t last = -1;
    for (const int64_t row : plan.tables[t].hot_rows) {
      if (row <= last || row >= tables[t].rows) refuse_plan(tables[t], "has hot rows that don't ascend within it");
      last = row;
    }
  }
}

}  // namespace cohort::trainer
