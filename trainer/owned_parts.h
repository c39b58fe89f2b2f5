// The parts of a net's weights that a rank keeps and updates.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/comm/communicator.h"
#include "trainer/checkpoint/piece.h"
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

  /// What of such a list, in the host's memory, belongs into checkpoints, each name with `prefix` before it: everything that the ranks keep, once. Local.
  std::vector<Piece> pieces(const std::vector<at::Tensor>& parts, const std::string& prefix) const;
  /// The same for an array of the layout's parameters, of which only the owned ranges mean anything.
  std::vector<Piece> flat_pieces(const at::Tensor& flat, const std::string& prefix) const;
  /// All tensors that the ranks' pieces belong to.
  std::vector<TensorShape> tensors(const std::string& prefix) const;
  std::vector<TensorShape> flat_tensors(const std::string& prefix) const;

 private:
  void add_ranges(const std::vector<float*>& ranges, const std::string& prefix, std::vector<Piece>& to) const;

  ModelState& state_;
  const std::vector<FlatRange>& mine_;
  bool root_;
  std::vector<at::Tensor> views_;
};

/// Such a list in the host's memory: itself where it lies there.
std::vector<at::Tensor> on_host(const std::vector<at::Tensor>& parts);
/// `parts` take the values of `host`, where they don't lie in its memory anyway.
void take_from_host(const std::vector<at::Tensor>& host, std::vector<at::Tensor>& parts);

}  // namespace cohort::trainer
