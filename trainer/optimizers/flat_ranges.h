// What optimizers share: the part of the flat buffer that a rank updates.
#pragma once

#include <string>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>

#include "trainer/optimizers/parameter_groups.h"

namespace cohort::trainer {

struct DenseShare {
  const FlatLayout& layout;
  std::vector<FlatRange> owned;
  const std::vector<std::string>& tables;  ///< names; for the length of the optimizer's construction
};

/// The ranges of a flat buffer, as views: what a fused kernel takes as its list.
inline std::vector<at::Tensor> ranges_of(const at::Tensor& flat, const std::vector<FlatRange>& ranges) {
  std::vector<at::Tensor> views;
  for (const FlatRange& range : ranges) views.push_back(flat.narrow(0, range.begin, range.floats));
  return views;
}

/// A rate times a group's factor: a number, or a number that lies on a device.
inline double rate_times(double rate, double factor) { return rate * factor; }
inline at::Tensor rate_times(const at::Tensor& rate, double factor) { return factor == 1 ? rate : rate * factor; }

/// A gradient vector as the tensor that kernels take.
inline at::Tensor as_tensor(float* gradient, const FlatLayout& layout) { return at::from_blob(gradient, {layout.parameter_floats()}, at::kFloat); }

}  // namespace cohort::trainer
