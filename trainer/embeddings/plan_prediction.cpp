#include "trainer/embeddings/plan_prediction.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"

namespace cohort::trainer {
namespace {

constexpr double kIdBytes = 8;     // int64
constexpr double kFloatBytes = 4;  // float32
constexpr double kShardedCollectives = 3;  // ids, vectors, gradients: one each for all tables together

double row_bytes(double columns, const StateSize& state) { return table_bytes(1, columns, state); }

double byte_seconds(const PlanSetting& setting) { return setting.nodes.size() > 1 ? setting.costs.network_byte : setting.costs.node_byte; }

}  // namespace

int PlanSetting::ranks() const { return std::accumulate(nodes.begin(), nodes.end(), 0); }

void check(const PlanSetting& setting) {
  if (setting.nodes.empty() || *std::min_element(setting.nodes.begin(), setting.nodes.end()) < 1)
    throw core::usage_error("a node without ranks can't be planned for", "give each node's number of ranks, at least 1");
  if (setting.global_batch < 1) throw core::usage_error("a global batch has at least one row", "raise train.global_batch");
}

double RankLoad::exchange(const CostModel& costs) const {
  return latency + std::max(node_in, node_out) * costs.node_byte + std::max(network_in, network_out) * costs.network_byte;
}

LoadBook::LoadBook(const PlanSetting& setting) : setting_(&setting), loads_(static_cast<std::size_t>(setting.ranks())) {
  for (std::size_t node = 0; node < setting.nodes.size(); ++node)
    node_of_.insert(node_of_.end(), static_cast<std::size_t>(setting.nodes[node]), static_cast<int>(node));
}

double LoadBook::own_draws(const TableDemand& demand) const { return all_draws(demand) / static_cast<double>(loads_.size()); }
double LoadBook::all_draws(const TableDemand& demand) const { return static_cast<double>(setting_->global_batch) * demand.ids_per_sample; }

void LoadBook::add(const TablePlan& plan, const TableDemand& demand, const UniqueIds& ids) {
  if (plan.placement == Placement::kReplicated) {
    add_replicated(demand, ids);
  } else {
    add_sharded(plan, demand, ids);
    if (!plan.hot_rows.empty()) add_hot(plan, demand, ids);
  }
}

void LoadBook::add_replicated(const TableDemand& demand, const UniqueIds& ids) {
  const CostModel& costs = setting_->costs;
  const auto ranks = static_cast<double>(loads_.size()), dim = static_cast<double>(demand.dim);
  const double draws = own_draws(demand), own = ids.expected(draws), all = ids.expected(all_draws(demand));
  const double vector_bytes = kFloatBytes * dim, sparse_bytes = kIdBytes + vector_bytes;
  for (std::size_t r = 0; r < loads_.size(); ++r) {
    RankLoad& load = loads_[r];
    const double in_node = setting_->nodes[static_cast<std::size_t>(node_of_[r])] - 1, elsewhere = ranks - 1 - in_node;
    load.lookup += own * costs.read_row + draws * vector_bytes * costs.read_byte;
    load.node_in += in_node * own * sparse_bytes;
    load.node_out += in_node * own * sparse_bytes;
    load.network_in += elsewhere * own * sparse_bytes;
    load.network_out += elsewhere * own * sparse_bytes;
    load.update += ranks * own * (costs.handle_id + vector_bytes * costs.read_byte) +
                   all * (costs.update_row + row_bytes(dim, setting_->state) * costs.update_byte);
    load.memory += table_bytes(static_cast<double>(demand.rows), dim, setting_->state);
  }
  any_replicated_ = true;
}

void LoadBook::add_sharded(const TablePlan& plan, const TableDemand& demand, const UniqueIds& ids) {
  const CostModel& costs = setting_->costs;
  const auto ranks = static_cast<double>(loads_.size());
  const std::size_t hot = plan.hot_rows.size();
  const double draws = own_draws(demand), own = ids.expected(draws, hot), all = ids.expected(all_draws(demand), hot);
  const double vector_bytes = kFloatBytes * static_cast<double>(demand.dim);
  // What a rank asks of each node's shards and of its own, in bytes: ids and gradients go out, vectors come in.
  std::vector<double> node_out(setting_->nodes.size()), node_in(setting_->nodes.size()), self_out(loads_.size()), self_in(loads_.size());
  double total_out = 0, total_in = 0;
  for (const TableShard& shard : plan.shards) {
    const auto owner = static_cast<std::size_t>(shard.rank);
    const auto node = static_cast<std::size_t>(node_of_[owner]);
    const double part = static_cast<double>(shard.rows) / static_cast<double>(demand.rows);
    const double columns = static_cast<double>(shard.columns), bytes = kFloatBytes * columns;
    const double in_node = setting_->nodes[node] - 1, elsewhere = ranks - 1 - in_node;
    const double in = own * part * (kIdBytes + bytes), out = own * part * bytes;  // from and to one rank
    RankLoad& load = loads_[owner];
    load.lookup += all * part * costs.read_row + ranks * out * costs.read_byte;
    load.node_in += in_node * in;
    load.node_out += in_node * out;
    load.network_in += elsewhere * in;
    load.network_out += elsewhere * out;
    load.update += ranks * own * part * costs.handle_id + ranks * out * costs.read_byte +
                   all * part * (costs.update_row + row_bytes(columns, setting_->state) * costs.update_byte);
    load.memory += table_bytes(static_cast<double>(shard.rows), columns, setting_->state);
    node_out[node] += in, node_in[node] += out;
    self_out[owner] += in, self_in[owner] += out;
    total_out += in, total_in += out;
  }
  for (std::size_t r = 0; r < loads_.size(); ++r) {
    RankLoad& load = loads_[r];
    const auto node = static_cast<std::size_t>(node_of_[r]);
    load.lookup += draws * (costs.handle_id + vector_bytes * costs.read_byte);
    load.node_out += node_out[node] - self_out[r];
    load.node_in += node_in[node] - self_in[r];
    load.network_out += total_out - node_out[node];
    load.network_in += total_in - node_in[node];
  }
  any_sharded_ = true;
}

void LoadBook::add_hot(const TablePlan& plan, const TableDemand& demand, const UniqueIds& ids) {
  const auto ranks = static_cast<double>(loads_.size()), dim = static_cast<double>(demand.dim);
  const auto rows = static_cast<double>(plan.hot_rows.size());
  double seen = 0;  // by any rank
  for (std::size_t i = 0; i < std::min(plan.hot_rows.size(), demand.frequent.size()); ++i) seen += ids.chance(i, all_draws(demand));
  const double dense_bytes = 2 * (ranks - 1) / ranks * rows * kFloatBytes * dim;
  for (RankLoad& load : loads_) {
    (setting_->nodes.size() > 1 ? load.network_in : load.node_in) += dense_bytes;
    (setting_->nodes.size() > 1 ? load.network_out : load.node_out) += dense_bytes;
    load.update += seen * row_bytes(dim, setting_->state) * setting_->costs.update_byte;
    load.memory += table_bytes(rows, dim, setting_->state);
  }
}

std::vector<RankLoad> LoadBook::loads() const {
  std::vector<RankLoad> result = loads_;
  if (loads_.size() == 1) return result;
  const double collectives = (any_sharded_ ? kShardedCollectives : 0) + (any_replicated_ ? 1 : 0);
  for (std::size_t r = 0; r < result.size(); ++r) {
    const int in_node = setting_->nodes[static_cast<std::size_t>(node_of_[r])];
    const int elsewhere = static_cast<int>(result.size()) - in_node;
    result[r].latency = collectives * ((in_node > 1 ? setting_->costs.node_latency : 0) + elsewhere * setting_->costs.network_latency);
  }
  return result;
}

PlanPrediction predict(const EmbeddingPlan& plan, std::span<const TableDemand> tables, const PlanSetting& setting) {
  check(setting);
  LoadBook book(setting);
  for (std::size_t t = 0; t < tables.size(); ++t) {
    const UniqueIds ids(tables[t], static_cast<double>(setting.global_batch) * tables[t].ids_per_sample);
    book.add(plan.tables.at(t), tables[t], ids);
  }
  PlanPrediction prediction;
  prediction.ranks = book.loads();
  for (const RankLoad& load : prediction.ranks) {
    prediction.lookup = std::max(prediction.lookup, load.lookup);
    prediction.exchange = std::max(prediction.exchange, load.exchange(setting.costs));
    prediction.update = std::max(prediction.update, load.update);
    prediction.seconds = std::max(prediction.seconds, load.seconds(setting.costs));
  }
  return prediction;
}

double hot_row_gain(const TableDemand& demand, const UniqueIds& ids, std::size_t i, const PlanSetting& setting) {
  const auto ranks = static_cast<double>(setting.ranks()), dim = static_cast<double>(demand.dim);
  const double draws = static_cast<double>(setting.global_batch) * demand.ids_per_sample;
  const double vector_bytes = kFloatBytes * dim, others = (ranks - 1) / ranks;
  const CostModel& costs = setting.costs;
  // An id passes two hands, a rank's that packs it and a rank's that unpacks and sums it.
  const double exchanged = ids.chance(i, draws / ranks) * (others * (kIdBytes + 2 * vector_bytes) * byte_seconds(setting) +
                                                          2 * costs.handle_id + 2 * vector_bytes * costs.read_byte);
  const double dense = 2 * others * vector_bytes * byte_seconds(setting);
  const double updates = ids.chance(i, draws) * others * row_bytes(dim, setting.state) * costs.update_byte;
  return exchanged - dense - updates;
}

nlohmann::ordered_json to_json(const PlanPrediction& prediction, const CostModel& costs) {
  nlohmann::ordered_json json = {
      {"seconds", prediction.seconds}, {"lookup", prediction.lookup}, {"exchange", prediction.exchange}, {"update", prediction.update}};
  json["ranks"] = nlohmann::ordered_json::array();
  for (const RankLoad& load : prediction.ranks)
    json["ranks"].push_back({{"lookup", load.lookup},
                             {"exchange", load.exchange(costs)},
                             {"update", load.update},
                             {"sent_bytes", load.node_out + load.network_out},
                             {"received_bytes", load.node_in + load.network_in},
                             {"memory_bytes", load.memory}});
  return json;
}

}  // namespace cohort::trainer
