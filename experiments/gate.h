// The gate before step 1: the data's checks, told to the user and kept in the run's folder.
#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "core/comm/communicator.h"
#include "datasets/checks/finding.h"
#include "experiments/prepare.h"

namespace cohort::experiments {

inline constexpr const char* kChecksFile = "checks.json";

struct Gate {
  bool checked = false;          ///< false where `checks.enabled` is
  datasets::CheckReport report;
  /// What stops the run: every error with its remedy; "" where nothing does.
  std::string refusal;

  /// What checks.json holds: the report, and what it depends on.
  nlohmann::ordered_json file(const Prepared& prepared) const;
};

/// Collective. Looks at the data, or takes what an earlier attempt left in `kept` (a path that need not exist) for the same data, split and
/// options. Rank 0 logs warnings, and one line about the whole.
Gate look_at_data(const Prepared& prepared, const std::filesystem::path& kept, core::Communicator& comm);

/// Throws the gate's refusal as Error (usage), known everywhere; does nothing where there is none.
void pass(const Gate& gate);

}  // namespace cohort::experiments
