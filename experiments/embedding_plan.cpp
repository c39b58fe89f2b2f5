#include "experiments/embedding_plan.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/durable_file.h"
#include "core/log.h"
#include "models/initial_vectors.h"
#include "models/table_ids.h"
#include "trainer/embeddings/initial_rows.h"
#include "trainer/embeddings/plan_report.h"
#include "trainer/embeddings/planner.h"
#include "trainer/optimizer.h"

namespace cohort::experiments {
namespace {

// Enough for the frequent rows of a table, and read in a moment.
constexpr uint64_t kSampledRows = 16384, kSampledBlock = 1024;
constexpr int64_t kFrequentRows = 100'000;

/// What the tables are asked for, counted over rows spread over the training split.
std::vector<trainer::TableDemand> sample_demands(const Prepared& prepared, const std::vector<models::TableSpec>& specs, const datasets::FeatureStore& store) {
  std::vector<trainer::TableDemand> demands;
  std::vector<std::vector<int64_t>> counts;
  for (const models::TableSpec& spec : specs) {
    demands.push_back({.name = spec.name, .rows = spec.rows, .dim = spec.dim, .frequent = {}});
    counts.emplace_back(static_cast<std::size_t>(spec.rows));
  }
  const uint64_t total = prepared.split.size(datasets::Part::kTrain), sampled = std::min(total, kSampledRows);
  for (uint64_t first = 0; first < sampled; first += kSampledBlock) {
    std::vector<uint64_t> rows;
    for (uint64_t i = first; i < std::min(sampled, first + kSampledBlock); ++i) rows.push_back(prepared.split.row(datasets::Part::kTrain, total / sampled * i));
    const datasets::RowBatch batch = store.gather(rows);
    for (std::size_t t = 0; t < specs.size(); ++t) {
      const models::TableIds ids = models::table_ids(specs[t], batch, store.categorical_count());
      for (int64_t i = 0; i < ids.count(); ++i) ++counts[t][static_cast<std::size_t>(ids.id(i))];
    }
  }
  for (std::size_t t = 0; t < specs.size(); ++t) {
    for (const int64_t count : counts[t]) demands[t].counted += static_cast<double>(count);
    if (sampled > 0) demands[t].ids_per_sample = demands[t].counted / static_cast<double>(sampled);
    demands[t].frequent = trainer::most_frequent(counts[t], kFrequentRows);
  }
  return demands;
}

/// Ranks of each node, in the order in which the planner counts ranks.
std::vector<int> node_sizes(const core::NodeMap& nodes) {
  std::vector<int> sizes(static_cast<std::size_t>(nodes.nodes));
  for (const int node : nodes.node_of) ++sizes[static_cast<std::size_t>(node)];
  return sizes;
}

trainer::StateSize state_size(const core::Choice& optimizer, const trainer::NetShape& net) {
  std::vector<std::string> names;
  for (const models::TableSpec& table : net.tables) names.push_back(table.name);
  trainer::StateSize size;
  for (const trainer::RowField& field : trainer::make_optimizer(optimizer, net.layout, {}, names)->row_rule().fields())
    (field.per_element ? size.per_element : size.per_row) += 1;
  return size;
}

}  // namespace

PlannedTables plan_embeddings(const Prepared& prepared, const trainer::NetSpec& spec, const datasets::FeatureStore& store, core::Communicator& comm) {
  const trainer::NetShape net = trainer::shape_of(spec);
  PlannedTables planned;
  if (net.tables.empty()) return planned;
  const Experiment& e = prepared.experiment;
  trainer::PlanSetting setting{.nodes = node_sizes(comm.nodes()), .global_batch = e.train.global_batch, .state = state_size(e.optimizer, net), .costs = {}};
  if (comm.size() > 1) setting.costs = trainer::measure_costs(comm, static_cast<int>(setting.nodes.size()));
  const std::string text = core::text_from_root(comm, [&] {
    const std::vector<trainer::TableDemand> demands = sample_demands(prepared, net.tables, store);
    const trainer::EmbeddingPlan plan = trainer::plan_tables(demands, setting, e.embeddings);
    if (comm.size() > 1) spdlog::info("embedding tables:\n{}", trainer::plan_text(plan, demands, setting));
    nlohmann::ordered_json report = trainer::to_json(plan, demands);
    report["predicted"] = trainer::to_json(trainer::predict(plan, demands, setting), setting.costs);
    report["costs"] = trainer::to_json(setting.costs);
    return report.dump();
  });
  planned.report = nlohmann::ordered_json::parse(text);
  planned.plan = trainer::plan_from_json(nlohmann::json::parse(text));
  return planned;
}

void add_measured(nlohmann::ordered_json& report, const trainer::TableSeconds& measured) {
  if (report.is_null() || measured.steps == 0) return;
  const auto steps = static_cast<double>(measured.steps);
  report["measured"] = {{"lookup", measured.lookup / steps}, {"exchange", measured.exchange / steps}, {"update", measured.update / steps}, {"waiting", measured.waiting / steps},
                        {"steps", measured.steps}};
  const auto& predicted = report.at("predicted");
  spdlog::info("embedding tables took {:.2f} ms a step (predicted {:.2f}): lookup {:.2f} ({:.2f}), exchange {:.2f} ({:.2f}), update {:.2f} ({:.2f}); "
               "waiting for other ranks {:.2f}",
               1e3 * (measured.lookup + measured.exchange + measured.update) / steps, 1e3 * predicted.at("seconds").get<double>(), 1e3 * measured.lookup / steps,
               1e3 * predicted.at("lookup").get<double>(), 1e3 * measured.exchange / steps, 1e3 * predicted.at("exchange").get<double>(),
               1e3 * measured.update / steps, 1e3 * predicted.at("update").get<double>(), 1e3 * measured.waiting / steps);
}

void apply_initial_vectors(const Prepared& prepared, const datasets::FittedFeatures& features, trainer::ModelState& state, core::Communicator& comm) {
  const std::vector<models::InitialVectorsOptions>& initial = prepared.experiment.embeddings.initial;
  if (initial.empty()) return;
  core::together(comm, [&] {
    std::vector<std::string> taken;
    for (const models::InitialVectorsOptions& options : initial) {
      const auto& specs = state.specs();
      const auto spec = std::find_if(specs.begin(), specs.end(), [&](const models::TableSpec& s) { return s.name == options.table; });
      if (spec == specs.end()) {
        std::vector<std::string> names;
        for (const models::TableSpec& s : specs) names.push_back(s.name);
        const std::string close = core::did_you_mean(options.table, names);
        throw core::usage_error(fmt::format("embeddings.initial: the net has no table '{}'", options.table),
                                close.empty() ? "name one of its tables" : "did you mean '" + close + "'?");
      }
      if (std::find(taken.begin(), taken.end(), options.table) != taken.end())
        throw core::usage_error(fmt::format("embeddings.initial names table '{}' twice", options.table), "leave one entry a table");
      taken.push_back(options.table);
      const auto feature = static_cast<std::size_t>(spec->feature);
      const std::vector<std::string> values =
          models::values_of_indices(spec->pooling == models::Pooling::kNone ? features.categorical[feature] : features.sequences[feature].vocabulary);
      const models::InitialVectors vectors(options, values, spec->rows, spec->dim);
      trainer::start_from(state.tables(), static_cast<std::size_t>(spec - specs.begin()), vectors);
      if (comm.is_root()) spdlog::info("{}", vectors.report());
    }
  });
}

nlohmann::json initial_vectors_identity(const Experiment& experiment) {
  nlohmann::json files;
  for (const models::InitialVectorsOptions& options : experiment.embeddings.initial)
    for (const std::string& file : {options.file, options.names}) files[file] = core::sha256_file(file);
  return files;
}

}  // namespace cohort::experiments
