// Parts of reading fitted features.
#pragma once

#include <nlohmann/json.hpp>

#include "datasets/features/features.h"

namespace cohort::datasets {

/// As features_from_json, but doesn't ask that the outputs follow one another.
FittedFeatures parse_features(const nlohmann::json& json);

/// Sets each dense feature's `first`, in order.
void place_outputs(FittedFeatures& features);

}  // namespace cohort::datasets
