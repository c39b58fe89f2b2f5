// From an experiment to what the trainer needs: data, split, fitted features, net and objective.
#pragma once

#include <memory>
#include <string>

#include "core/comm/communicator.h"
#include "datasets/store/dataset.h"
#include "datasets/features/features.h"
#include "datasets/loader/loader.h"
#include "datasets/split/split.h"
#include "experiments/experiment.h"
#include "models/objective.h"
#include "trainer/model_state.h"

namespace cohort::experiments {

/// An experiment bound to its dataset. Local parts are equal on all ranks.
struct Prepared {
  Experiment experiment;
  datasets::Dataset dataset;
  datasets::Split split;
  datasets::Targets targets;
  int64_t classes = 0;  ///< of the label; 0 for regression
  std::unique_ptr<models::Objective> objective;
};

/// Collective. Opens the dataset, checks every option that only the data can judge (all mistakes at once, located in `document`), and makes the split.
Prepared prepare(Experiment experiment, const core::TomlDocument& document, core::Communicator& comm);

/// Collective. Fits the features on the training split.
datasets::FittedFeatures fit(const Prepared& prepared, core::Communicator& comm);

/// The net over these features.
trainer::NetSpec net_spec(const Prepared& prepared, const datasets::FittedFeatures& features);

}  // namespace cohort::experiments
