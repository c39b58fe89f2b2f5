// Sums of dense gradients on devices: over a rank's lanes as they are computed, then over ranks, along the lane tree, bucket by bucket.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/comm/communicator.h"
#include "trainer/bucket_plan.h"
#include "trainer/device/device.h"
#include "trainer/device/device_list.h"
#include "trainer/device/device_transport.h"
#include "trainer/lane_tree.h"

namespace cohort::trainer {

/// What GradientReducer is on processors, with lanes in order, one after another. All memory stays where it is, so that the work can be recorded. A bucket that the
/// last lane has filled sets out at once, while backward goes on. One thread.
class DeviceSums {
 public:
  DeviceSums(core::Communicator& comm, Device& device, DeviceTransport& transport, int64_t lanes, const FlatLayout& layout, const BucketPlan& plan);

  int64_t first_lane() const { return mine_.first; }
  int64_t last_lane() const { return mine_.first + mine_.count; }
  const std::vector<LaneNode>& nodes() const { return nodes_; }
  const std::vector<LaneNode>& leaves() const { return leaves_; }
  int64_t first_node() const { return first_node_; }  ///< position of nodes() in leaves()
  const BucketPlan& plan() const { return plan_; }

  /// The sums of this rank's nodes, [gradient_floats] each; complete in what its last lane has completed.
  const std::vector<at::Tensor>& roots() const { return roots_; }

  /// The vector that the next lane's gradient goes into, [gradient_floats]; its content is undefined.
  at::Tensor& begin_lane();
  /// The lane's bucket, or its tail (the last piece), is complete.
  void complete(std::size_t piece);
  void end_lane();
  /// From here on pieces set out by set_out() alone: what was recorded of the lanes holds no exchange then.
  void defer_exchange(bool defer) { deferred_ = defer; }
  /// After the last lane: whatever hasn't set out does. The order of exchanges is then the same on ranks that defer and ranks that don't.
  void set_out();

  std::size_t pieces() const { return plan_.buckets().size() + 1; }
  FlatRange piece(std::size_t i) const { return i < plan_.buckets().size() ? plan_.buckets()[i] : layout_.tail(); }

  /// Where reduce() leaves the sums.
  const float* sums() const { return comm_.size() == 1 ? roots_.front().data_ptr<float>() : result_.data_ptr<float>(); }
  /// After set_out(). [gradient_floats]: only this rank's slices and the tail mean anything.
  at::Tensor& reduce();
  /// Every rank's slices of `values` reach all others.
  void publish(at::Tensor& values);

 private:
  struct Piece {
    std::vector<SentPiece> sent;
    std::vector<ReceivedPiece> received;
    at::Tensor memory;  ///< of what is received
    DeviceList<SumVectors::Leaf> leaves;  ///< of the own range
    FlatRange own;
  };
  Piece make_piece(std::size_t i);
  void start_exchanges();

  core::Communicator& comm_;
  Device& device_;
  DeviceTransport& transport_;
  const FlatLayout& layout_;
  const BucketPlan& plan_;
  LaneNode mine_;
  std::vector<LaneNode> nodes_, leaves_;
  std::vector<int> rank_of_leaf_;
  int64_t first_node_ = 0;
  std::vector<at::Tensor> roots_;    ///< of this rank's nodes
  std::vector<at::Tensor> waiting_;  ///< of lanes whose sibling is still to come, by depth
  at::Tensor result_;
  std::vector<Piece> pieces_;

  int64_t lane_ = 0;                 ///< of this rank's, that is computed
  std::size_t node_ = 0;             ///< that it belongs to
  std::vector<bool> complete_;       ///< pieces of the last lane
  std::size_t started_ = 0;          ///< pieces that have set out
  bool deferred_ = false;
};

}  // namespace cohort::trainer
