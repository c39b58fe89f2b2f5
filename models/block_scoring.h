// From rows to tensors, and from a block of rows to predictions: what training and serving share.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "datasets/loader/loader.h"
#include "models/export/onnx_exporter.h"
#include "models/model.h"

namespace cohort::models {

/// Rows are scored in blocks of this many, cut by position and the last one padded, so that every row is computed in the same shapes.
inline constexpr int64_t kScoreBlock = 1024;

/// [rows, F] view of the batch's memory; the batch must outlive it.
at::Tensor dense_view(const datasets::RowBatch& rows, int64_t dense_width);

/// The table's vectors of the batch's rows, pooled where it says so: [rows, dim], own memory.
at::Tensor look_up(const at::Tensor& table, const TableSpec& spec, const datasets::RowBatch& rows, int64_t categorical_count);

/// Predictions [rows, K] of at most kScoreBlock rows, `link` applied, into `out`. `embedded`: what look_up gives for each table. The net is in evaluation
/// mode, on whatever device its parameters are; everything else is the host's. Local; one thread a net.
void score_block(Net& net, const std::vector<at::Tensor>& embedded, Link link, int64_t dense_width, const datasets::RowBatch& rows, float* out);

}  // namespace cohort::models
