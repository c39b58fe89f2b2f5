// `cohort train`: one run from the experiment file to the published artifact.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "core/comm/communicator.h"
#include "experiments/experiment.h"

namespace cohort::experiments {

struct TrainRequest {
  std::string experiment;                 ///< the TOML file
  std::vector<std::string> overrides;     ///< key=value
  std::string data;                       ///< overrides data.path
  std::filesystem::path runs = "runs";
  std::filesystem::path registry = "registry";
  bool resume = false;
  std::string resume_run;                 ///< a run's folder or id; empty takes the newest unfinished one
  bool dry_run = false;
};

struct TrainOutcome {
  bool stopped = false;  ///< by a signal, after a checkpoint
  /// run.json, and "run" with the folder; for a dry run the plan. Filled on rank 0.
  nlohmann::ordered_json report;
  std::string refusal;  ///< of a dry run: why a run would stop before step 1; "" where it wouldn't
};

/// Collective.
TrainOutcome train(const TrainRequest& request, core::Communicator& comm);

}  // namespace cohort::experiments
