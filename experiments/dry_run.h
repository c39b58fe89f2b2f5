// `cohort train --dry-run`: what a run would do, without doing it.
#pragma once

#include <nlohmann/json.hpp>

#include "core/comm/communicator.h"
#include "experiments/prepare.h"

namespace cohort::experiments {

/// Collective (features are fitted, nothing is written). The plan: rows, steps, lanes of each rank, net and its parameters, memory.
nlohmann::ordered_json plan_of(const Prepared& prepared, core::Communicator& comm);

}  // namespace cohort::experiments
