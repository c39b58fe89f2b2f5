// The parts of a net's weights that a rank keeps and updates, and the way to whole tensors and back.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/comm/communicator.h"
#include "models/artifact/safetensors.h"
#include "trainer/flat_layout.h"
#include "trainer/model_state.h"

namespace cohort::trainer {

/// Views, in this order: the rank's ranges of the dense parameters, the running state, the values of its table shards (StepRunner::parts). Copies and averages of the
/// weights are lists laid out alike; all may lie on a device.
class OwnedParts {
 public:
  /// `owned`: of each rank.
  OwnedParts(ModelState& state, std::vector<at::Tensor> views, const std::vector<std::vector<FlatRange>>& owned, core::Communicator& comm);

  const std::vector<at::Tensor>& views() const { return views_; }
  std::vector<at::Tensor> copy() const;
  void assign(const std::vector<at::Tensor>& parts);  ///< into the views

  /// Collective. Whole tensors by name, each with `prefix` before it, on rank 0; empty elsewhere.
  models::NamedTensors gather(const std::vector<at::Tensor>& parts, const std::string& prefix) const;
  /// Takes this rank's parts from whole tensors. Throws Error (damaged) naming `origin` where one is absent or has another shape. Local.
  void scatter(const std::map<std::string, at::Tensor>& tensors, const std::string& prefix, const std::string& origin, std::vector<at::Tensor>& parts) const;

  /// Collective. The same for an array of the layout's parameters, of which only the owned ranges mean anything.
  models::NamedTensors gather_flat(const at::Tensor& flat, const std::string& prefix) const;
  void scatter_flat(const std::map<std::string, at::Tensor>& tensors, const std::string& prefix, const std::string& origin, at::Tensor& flat) const;

 private:
  models::NamedTensors gather_ranges(const std::vector<const float*>& ranges, const std::string& prefix) const;

  ModelState& state_;
  const std::vector<std::vector<FlatRange>>& owned_;
  core::Communicator& comm_;
  std::vector<at::Tensor> views_;
};

}  // namespace cohort::trainer
