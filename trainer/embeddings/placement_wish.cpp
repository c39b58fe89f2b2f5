#include "trainer/embeddings/placement_wish.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/error.h"
#include "core/toml_document.h"
#include "trainer/optimizers/parameter_groups.h"

namespace cohort::trainer {
namespace {

std::optional<Placement> placement_named(const std::string& name) {
  for (const Placement placement : {Placement::kTableWise, Placement::kRowWise, Placement::kColumnWise, Placement::kReplicated})
    if (to_string(placement) == name) return placement;
  return std::nullopt;  // "auto"; other words didn't pass the options' own check
}

void refuse_unused_rule(std::span<const TableDemand> tables, const TableRule& rule, std::size_t index) {
  std::vector<std::string> names;
  for (const TableDemand& table : tables) names.push_back(table.name);
  const std::string close = core::did_you_mean(rule.match, names);
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  throw core::usage_error(fmt::format("embeddings.tables[{}]: no table is left for \"{}\"{}", index, rule.match,
                                      close.empty() ? "" : fmt::format(" — did you mean \"{}\"?", close)),
                          (list.empty() ? "the net has no embedding tables" : "the net has the tables " + list) +
                              "; of several rules that fit, the first counts");
}

void check_wish(const TableDemand& table, const PlacementWish& wish, int ranks) {
  if (wish.rank && *wish.rank >= ranks)
    throw core::usage_error(fmt::format("{}: the table '{}' can't lie on rank {}: there are {} ranks, counted from 0", wish.source, table.name, *wish.rank,
                                        ranks),
                            fmt::format("name a rank from 0 to {}, or leave it to the planner", ranks - 1));
  if (wish.shards > ranks)
    throw core::usage_error(fmt::format("{}: the table '{}' can't have {} shards on {} ranks", wish.source, table.name, wish.shards, ranks),
                            "ask for no more shards than ranks, or leave shards out");
  if (wish.placement != Placement::kColumnWise) return;
  if (table.dim < 2 * kColumnBlock)
    throw core::usage_error(fmt::format("{}: the table '{}' is too narrow to be cut by columns: it has {}, and a shard takes {} at least", wish.source,
                                        table.name, table.dim, kColumnBlock),
                            fmt::format("place it row_wise or table_wise, or give it {} columns or more", 2 * kColumnBlock));
  if (wish.shards > column_blocks(table.dim))
    throw core::usage_error(fmt::format("{}: the table '{}' of {} columns can't be cut into {} shards: each takes {} columns at least", wish.source, table.name,
                                        table.dim, wish.shards, kColumnBlock),
                            fmt::format("ask for {} shards at most", column_blocks(table.dim)));
}

}  // namespace

int64_t column_blocks(int64_t dim) { return (dim + kColumnBlock - 1) / kColumnBlock; }

std::vector<PlacementWish> placement_wishes(std::span<const TableDemand> tables, const EmbeddingOptions& options, int ranks) {
  std::vector<PlacementWish> wishes;
  std::vector<bool> used(options.tables.size());
  for (const TableDemand& table : tables) {
    PlacementWish wish;
    wish.placement = placement_named(options.plan);
    wish.source = "embeddings.plan";
    for (std::size_t i = 0; i < options.tables.size(); ++i) {
      const TableRule& rule = options.tables[i];
      if (!fits_pattern(table.name, rule.match)) continue;
      used[i] = true;
      wish.source = fmt::format("embeddings.tables[{}]", i);
      if (rule.placement) wish.placement = placement_named(*rule.placement);
      if (rule.rank) wish.rank = static_cast<int>(std::min<int64_t>(*rule.rank, INT32_MAX));
      wish.shards = rule.shards.value_or(0);
      wish.hot_rows = rule.hot_rows;
      break;
    }
    check_wish(table, wish, ranks);
    wishes.push_back(wish);
  }
  for (std::size_t i = 0; i < used.size(); ++i)
    if (!used[i]) refuse_unused_rule(tables, options.tables[i], i);
  return wishes;
}

}  // namespace cohort::trainer
