// Fitted features as ONNX nodes: from raw columns to the dense matrix and the indices, the same float32 operations in
// the same order as datasets::apply and index_of.
#pragma once

#include <string>
#include <vector>

#include "datasets/features/features.h"
#include "models/export/onnx_proto.h"

namespace cohort::models {

struct EmittedFeatures {
  std::string dense;             ///< [N, F] float32; "" where F is 0
  std::vector<std::string> ids;  ///< per categorical feature: [N] int64
  std::string batch;             ///< an input, whose first dimension is N
};

/// Adds one input [N, 1] a raw column, named as it, and the nodes that transform them. Throws Error (usage) when there
/// is no column, or when a column's name can't be that of an input.
EmittedFeatures emit_features(OnnxGraph& graph, const datasets::FittedFeatures& features);

/// A dense matrix without columns, [N, 0], for nets that take the dense input although no column is dense.
std::string emit_no_columns(OnnxGraph& graph, const std::string& batch);

/// Dense features alone; `columns` holds the ONNX name [N, 1] of each feature's raw column. Gives [N, F].
std::string emit_dense(OnnxGraph& graph, const datasets::FittedFeatures& features, const std::vector<std::string>& columns);
/// One categorical feature: from the raw column [N, 1] to indices [N].
std::string emit_categorical(OnnxGraph& graph, const datasets::CategoricalFeature& feature, const std::string& column);

}  // namespace cohort::models
