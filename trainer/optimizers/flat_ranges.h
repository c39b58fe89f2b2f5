// Walks over flat buffers that optimizers share.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>

#include "trainer/optimizers/parameter_groups.h"

namespace cohort::trainer {

/// The part of a flat buffer that a run covers.
inline at::Tensor range_of(const at::Tensor& flat, const ParameterRun& run) { return flat.narrow(0, run.begin, run.floats); }

/// A gradient vector as the tensor that kernels take.
inline at::Tensor as_tensor(float* gradient, const FlatLayout& layout) { return at::from_blob(gradient, {layout.parameter_floats()}, at::kFloat); }

/// Calls update(offset of the row, dim, run of its table) for each table row seen in the step.
template <class F>
void for_rows_seen(const FlatLayout& layout, const ParameterSettings& settings, const float* gradient, F&& update) {
  for (std::size_t t = 0; t < layout.tables().size(); ++t) {
    const FlatEntry& table = layout.tables()[t];
    const float* seen = gradient + layout.counts()[t].offset;
    const int64_t dim = table.shape[1];
    for (int64_t row = 0; row < table.shape[0]; ++row) {
      if (seen[row] > 0) update(table.offset + row * dim, dim, settings.tables()[t]);
    }
  }
}

}  // namespace cohort::trainer
