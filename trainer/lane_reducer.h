// Sums over all lanes of all ranks, along the lane tree.
#pragma once

#include <memory>
#include <vector>

#include "core/comm/communicator.h"
#include "trainer/lane_tree.h"

namespace cohort::trainer {

/// Each rank fills the roots of its own lanes; reduce() gives every rank the sum of all. A rank sums one slice of the vector over all
/// ranks' roots itself, in tree order, and the slices are then gathered: the traffic of a ring. On one node the roots lie in a shared
/// window and nothing is sent. Construction, destruction and reduce() are collective.
class LaneReducer {
 public:
  LaneReducer(core::Communicator& comm, int64_t lanes, std::size_t floats);
  ~LaneReducer();

  int64_t first_lane() const { return mine_.first; }
  int64_t last_lane() const { return mine_.first + mine_.count; }
  /// The nodes of this rank and the memory of each one's sum, 64-byte aligned, `floats` long.
  const std::vector<LaneNode>& nodes() const { return nodes_; }
  std::vector<float*> roots() const { return roots_; }

  /// Collective. Every root of every rank is filled; the result, `floats` long, is the same on all ranks and stands until the next call.
  float* reduce();

 private:
  void reduce_in_window();
  void reduce_by_messages();

  core::Communicator& comm_;
  int64_t lanes_;
  std::size_t floats_;
  std::size_t slice_;      ///< floats a rank sums
  std::size_t max_nodes_;  ///< over all ranks
  LaneNode mine_;
  std::vector<LaneNode> nodes_;
  std::vector<LaneNode> leaves_;  ///< the nodes of all ranks, in lane order
  std::vector<float*> roots_;
  std::unique_ptr<core::Window> window_;
  std::vector<AlignedFloats> own_roots_;
  AlignedFloats sum_, slice_sum_, received_;
};

}  // namespace cohort::trainer
