// What `cohort describe` can describe.
#pragma once

#include <map>
#include <string>

#include "core/options.h"

namespace cohort::experiments {

/// By name: "experiment", "import", "model mlp", "objective binary", … Components registered before the first call are in it.
const std::map<std::string, const core::Schema*>& describables();

}  // namespace cohort::experiments
