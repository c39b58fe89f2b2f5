// Where a run's embedding tables lie, and what they start from.
#pragma once

#include <optional>

#include <nlohmann/json.hpp>

#include "datasets/loader/feature_store.h"
#include "experiments/prepare.h"
#include "trainer/train_step.h"

namespace cohort::experiments {

/// A plan and what it is expected to cost.
struct PlannedTables {
  trainer::EmbeddingPlan plan;
  nlohmann::ordered_json report;  ///< for run.json: plan, prediction, costs; null where there is no table
};

/// Collective. Rank 0 measures what memory and messages cost, looks at ids of the training split (some thousand rows, spread over it), and
/// plans; all ranks get its plan. With one rank nothing is measured. Throws Error (usage) for a plan that can't hold.
PlannedTables plan_embeddings(const Prepared& prepared, const trainer::NetSpec& spec, const datasets::FeatureStore& store, core::Communicator& comm);

/// Adds what the tables really took to the report.
void add_measured(nlohmann::ordered_json& report, const trainer::TableSeconds& measured);

/// Collective. Overwrites the rows that `[[embeddings.initial]]` names. Throws Error (usage, damaged).
void apply_initial_vectors(const Prepared& prepared, const datasets::FittedFeatures& features, trainer::ModelState& state, core::Communicator& comm);

/// SHA-256 of the files that tables start from, by path: part of what a checkpoint is compared by. Null where there are none. Local.
nlohmann::json initial_vectors_identity(const Experiment& experiment);

}  // namespace cohort::experiments
