#include "experiments/dry_run.h"

#include "core/log.h"
#include "experiments/embedding_plan.h"
#include "trainer/lane_tree.h"

namespace cohort::experiments {
namespace {

// Below this the products of a lane are too small to fill a core.
constexpr int64_t kRowsOfALane = 128;

}  // namespace

nlohmann::ordered_json plan_of(const Prepared& prepared, core::Communicator& comm) {
  const Experiment& e = prepared.experiment;
  const datasets::FittedFeatures features = fit(prepared, comm);
  const trainer::NetSpec spec = net_spec(prepared, features);
  const trainer::NetShape net = trainer::shape_of(spec);
  const uint64_t rows = prepared.split.size(datasets::Part::kTrain);
  const uint64_t steps = datasets::Loader::steps_per_epoch(rows, static_cast<uint64_t>(e.train.global_batch));
  const int64_t step_lanes = e.train.step_lanes(comm.size());
  if (e.train.global_batch / step_lanes < kRowsOfALane)
    spdlog::warn("a lane has {} rows, fewer than {}: raise train.global_batch or {} for speed", e.train.global_batch / step_lanes, kRowsOfALane,
                 e.train.fast() ? "start fewer ranks" : "lower train.lanes");

  nlohmann::ordered_json plan;
  plan["experiment"] = e.name;
  plan["dataset"] = {{"path", e.data.path}, {"rows", prepared.dataset.rows()}, {"identity", prepared.dataset.identity()}};
  plan["split"] = {{"train", rows}, {"valid", prepared.split.size(datasets::Part::kValid)}, {"test", prepared.split.size(datasets::Part::kTest)}};
  plan["features"] = {{"dense", features.dense_width()}, {"categorical", features.categorical_count()}};
  plan["steps"] = {{"per_epoch", steps}, {"total", steps * static_cast<uint64_t>(e.train.epochs)}};
  nlohmann::ordered_json lanes = nlohmann::ordered_json::array();
  for (int r = 0; r < comm.size(); ++r) {
    const trainer::LaneNode mine = trainer::lanes_of_rank(step_lanes, r, comm.size());
    lanes.push_back({{"rank", r}, {"first", mine.first}, {"lanes", mine.count}});
  }
  plan["lanes"] = std::move(lanes);
  plan["determinism"] = e.train.determinism;
  plan["precision"] = e.train.precision;
  int64_t tables = 0, dense = 0;
  for (const models::TableSpec& table : net.tables) tables += table.rows * table.dim;
  for (const trainer::FlatEntry& entry : net.layout.parameters()) dense += entry.numel;
  plan["model"] = {{"name", e.model.name()}, {"parameters", dense}, {"embedding_parameters", tables}};
  if (!net.tables.empty()) {
    const datasets::FeatureStore store(prepared.dataset, features, prepared.targets, e.loader);
    plan["embeddings"] = plan_embeddings(prepared, spec, store, comm).report;
  }
  // Two vectors of optimizer state at most, the best weights kept aside, and the average where there is one.
  plan["bytes_per_rank"] = {{"parameters_and_optimizer", 4 * (e.averaging.name == "none" ? 4 : 5) * (net.layout.parameter_floats() + tables / comm.size())},
                            {"gradients", 4 * net.layout.gradient_floats() * (2 + e.train.lane_threads())},
                            {"loader_at_most", e.loader.memory_mib << 20}};
  return plan;
}

}  // namespace cohort::experiments
