// The quantile-to-normal transform as ONNX nodes.
#pragma once

#include <string>
#include <vector>

#include "datasets/features/features.h"
#include "models/export/onnx_proto.h"

namespace cohort::models {

/// x [N, G] → [N, G], column g by tables[g]. The interval of a value is found by a binary tree a column (ai.onnx.ml
/// TreeEnsembleRegressor), whose leaves hold the interval's four numbers: O(log quantiles) a value and no intermediate
/// of size N·G·quantiles.
std::string emit_quantile_normal(OnnxGraph& graph, const std::string& x, const std::vector<const datasets::QuantileNormal*>& tables);

}  // namespace cohort::models
