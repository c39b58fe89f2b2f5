// What a plan costs a step: seconds of each rank for lookup, exchange and update, from the cost model.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "trainer/embeddings/cost_model.h"
#include "trainer/embeddings/plan.h"
#include "trainer/embeddings/table_demand.h"

namespace cohort::trainer {

/// Who trains, and on how much at once.
struct PlanSetting {
  std::vector<int> nodes = {1};  ///< ranks of each node, in rank order; nodes may differ in size
  int64_t global_batch = 1;      ///< rows of a step over all ranks; each rank is taken to have an even share
  StateSize state;
  CostModel costs;

  int ranks() const;
};

/// Throws Error (usage) where a node has no rank or the batch no row.
void check(const PlanSetting& setting);

/// A rank's part of a step. Bytes are those that pass between ranks; sent and received ones travel at once.
struct RankLoad {
  double lookup = 0, update = 0;                      ///< seconds
  double node_in = 0, node_out = 0, network_in = 0, network_out = 0;  ///< bytes
  double latency = 0;                                 ///< seconds
  double memory = 0;                                  ///< bytes of tables and state

  double exchange(const CostModel& costs) const;      ///< seconds, latency included
  double seconds(const CostModel& costs) const { return lookup + exchange(costs) + update; }
};

/// Adds tables to ranks' loads, one by one. What a placement is taken to do, per step, with u different ids of a rank's share and U of the batch:
///
///   - Sharded: a rank finds its different ids and sends each (8 bytes) to the rank or ranks that keep its row; these read U rows and send
///     R·u vectors back; gradients (R·u) come, are summed, and U rows are updated. So a row of d floats costs 8 + 8d bytes each time. By
///     columns, every shard's rank gets the ids.
///   - Replicated: lookups are local. Every rank gets every other's u gradient rows with their ids (8 + 4d bytes), sums them and
///     updates U rows itself.
///   - Hot rows: as if replicated, but their gradients are summed as a dense block by reduce-scatter and all-gather: 2·(R−1)/R·4d bytes, no ids.
///
/// Reading or updating a row counts as random access, repeated reads as copies. Shards by rows get shares by their number of rows.
class LoadBook {
 public:
  /// Keeps a reference to `setting`.
  explicit LoadBook(const PlanSetting& setting);
  void add(const TablePlan& plan, const TableDemand& demand, const UniqueIds& ids);
  /// With the latencies of the collectives that the tables added so far need.
  std::vector<RankLoad> loads() const;
  /// Without latencies; index is the rank.
  const std::vector<RankLoad>& so_far() const { return loads_; }
  /// Node of each rank.
  const std::vector<int>& node_of() const { return node_of_; }

 private:
  void add_replicated(const TableDemand& demand, const UniqueIds& ids);
  void add_sharded(const TablePlan& plan, const TableDemand& demand, const UniqueIds& ids);
  void add_hot(const TablePlan& plan, const TableDemand& demand, const UniqueIds& ids);
  double own_draws(const TableDemand& demand) const;
  double all_draws(const TableDemand& demand) const;

  const PlanSetting* setting_;
  std::vector<int> node_of_;
  std::vector<RankLoad> loads_;
  bool any_sharded_ = false, any_replicated_ = false;
};

/// Seconds a step of all ranks and of the slowest part of each kind.
struct PlanPrediction {
  std::vector<RankLoad> ranks;
  double lookup = 0, exchange = 0, update = 0;  ///< of the rank whose part takes longest
  double seconds = 0;                           ///< of the slowest rank: ranks wait for each other once a step
};

PlanPrediction predict(const EmbeddingPlan& plan, std::span<const TableDemand> tables, const PlanSetting& setting);

/// Seconds a step, averaged over ranks, that replicating the row `demand.frequent[i]` saves; below 0 where it costs more than it saves.
/// Saved: its way through the exchange as often as ranks see it. Paid: a dense slice of gradient in every step, and its update on every rank.
/// A hot row is taken to be in the cache. It tells what a step saves in all, not what the slowest rank does.
double hot_row_gain(const TableDemand& demand, const UniqueIds& ids, std::size_t i, const PlanSetting& setting);

/// {"seconds", "lookup", "exchange", "update", "ranks": [{"lookup", "exchange", "update", "sent_bytes", "received_bytes", "memory_bytes"}, …]}
nlohmann::ordered_json to_json(const PlanPrediction& prediction, const CostModel& costs);

}  // namespace cohort::trainer
