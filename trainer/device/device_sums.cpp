#include "trainer/device/device_sums.h"

#include <algorithm>
#include <bit>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>

namespace cohort::trainer {
namespace {

at::Tensor zeros_on(const Device& device, int64_t floats) { return at::zeros({floats}, at::TensorOptions().dtype(at::kFloat).device(device.where())); }

std::size_t bytes_of(int64_t floats) { return static_cast<std::size_t>(floats) * sizeof(float); }

}  // namespace

DeviceSums::DeviceSums(core::Communicator& comm, Device& device, DeviceTransport& transport, int64_t lanes, const FlatLayout& layout, const BucketPlan& plan)
    : comm_(comm), device_(device), transport_(transport), layout_(layout), plan_(plan) {
  mine_ = lanes_of_rank(lanes, comm.rank(), comm.size());
  nodes_ = cover(mine_.first, mine_.first + mine_.count, lanes);
  for (int r = 0; r < comm.size(); ++r) {
    const LaneNode range = lanes_of_rank(lanes, r, comm.size());
    const std::vector<LaneNode> nodes = cover(range.first, range.first + range.count, lanes);
    if (r == comm.rank()) first_node_ = static_cast<int64_t>(leaves_.size());
    leaves_.insert(leaves_.end(), nodes.begin(), nodes.end());
    rank_of_leaf_.insert(rank_of_leaf_.end(), nodes.size(), r);
  }
  std::size_t depth = 0;
  for (const LaneNode& node : nodes_) {
    roots_.push_back(zeros_on(device, layout.gradient_floats()));
    depth = std::max<std::size_t>(depth, static_cast<std::size_t>(std::bit_width(static_cast<uint64_t>(node.count)) - 1));
  }
  for (std::size_t i = 0; i < depth; ++i) waiting_.push_back(zeros_on(device, layout.gradient_floats()));
  complete_.resize(pieces());
  if (comm.size() == 1) return;
  result_ = zeros_on(device, layout.gradient_floats());
  for (std::size_t i = 0; i < pieces(); ++i) pieces_.push_back(make_piece(i));
}

DeviceSums::Piece DeviceSums::make_piece(std::size_t i) {
  const bool tail = i == plan_.buckets().size();
  Piece piece;
  piece.own = tail ? layout_.tail() : plan_.slice(i, comm_.rank());
  int64_t received = 0;
  for (const int rank : rank_of_leaf_) received += rank == comm_.rank() ? 0 : piece.own.floats;
  piece.memory = zeros_on(device_, received);
  float* to = piece.memory.data_ptr<float>();
  std::size_t own = 0;
  std::vector<SumVectors::Leaf> leaves;
  for (std::size_t leaf = 0; leaf < leaves_.size(); ++leaf) {
    const auto first_lane = static_cast<int32_t>(leaves_[leaf].first);
    if (rank_of_leaf_[leaf] == comm_.rank()) {
      leaves.push_back({roots_[own++].data_ptr<float>() + piece.own.begin, first_lane});
      continue;
    }
    leaves.push_back({to, first_lane});
    if (piece.own.floats > 0) piece.received.push_back({rank_of_leaf_[leaf], reinterpret_cast<std::byte*>(to), bytes_of(piece.own.floats)});
    to += piece.own.floats;
  }
  for (int r = 0; r < comm_.size(); ++r) {
    const FlatRange theirs = tail ? layout_.tail() : plan_.slice(i, r);
    if (r == comm_.rank() || theirs.floats == 0) continue;
    for (const at::Tensor& root : roots_) piece.sent.push_back({r, reinterpret_cast<const std::byte*>(root.data_ptr<float>() + theirs.begin), bytes_of(theirs.floats)});
  }
  piece.leaves = {leaves, device_.where()};
  return piece;
}

at::Tensor& DeviceSums::begin_lane() {
  if (lane_ == 0) {
    node_ = 0;
    started_ = 0;
  }
  const int64_t lane = mine_.first + lane_;
  while (lane >= nodes_[node_].first + nodes_[node_].count) ++node_;
  std::fill(complete_.begin(), complete_.end(), false);
  const int depth = std::popcount(static_cast<uint64_t>(lane - nodes_[node_].first));
  return depth == 0 ? roots_[node_] : waiting_[static_cast<std::size_t>(depth - 1)];
}

void DeviceSums::complete(std::size_t i) {
  const at::NoGradGuard no_grad;
  const FlatRange range = piece(i);
  const auto vector = [&](int depth) {
    at::Tensor& whole = depth == 0 ? roots_[node_] : waiting_[static_cast<std::size_t>(depth - 1)];
    return whole.narrow(0, range.begin, range.floats);
  };
  // A counter of lanes in binary: each of its lowest ones is a node that this lane completes.
  const auto within = static_cast<uint64_t>(mine_.first + lane_ - nodes_[node_].first);
  int depth = std::popcount(within);
  for (uint64_t ones = within; (ones & 1) != 0; ones >>= 1, --depth) vector(depth - 1).add_(vector(depth));
  complete_[i] = true;
  if (comm_.size() > 1 && lane_ + 1 == mine_.count && !deferred_) start_exchanges();
}

/// In the order of buckets on every rank, whatever the order in which backward fills them.
void DeviceSums::start_exchanges() {
  for (; started_ < pieces() && complete_[started_]; ++started_) transport_.exchange(pieces_[started_].sent, pieces_[started_].received);
}

void DeviceSums::set_out() {
  if (comm_.size() == 1 || !deferred_) return;
  started_ = 0;
  complete_.assign(pieces(), true);
  start_exchanges();
}

void DeviceSums::end_lane() { lane_ = lane_ + 1 == mine_.count ? 0 : lane_ + 1; }

at::Tensor& DeviceSums::reduce() {
  if (comm_.size() == 1) return roots_.front();
  transport_.let_computing_wait();
  for (const Piece& piece : pieces_) {
    device_.run(SumVectors{piece.leaves.data(), piece.leaves.count(), result_.data_ptr<float>() + piece.own.begin}, piece.own.floats);
  }
  return result_;
}

void DeviceSums::publish(at::Tensor& values) {
  if (comm_.size() == 1) return;
  std::vector<SentPiece> sent;
  std::vector<ReceivedPiece> received;
  auto* const memory = reinterpret_cast<std::byte*>(values.data_ptr<float>());
  for (int r = 0; r < comm_.size(); ++r) {
    if (r == comm_.rank()) continue;
    for (const FlatRange& range : plan_.owned(comm_.rank())) sent.push_back({r, memory + bytes_of(range.begin), bytes_of(range.floats)});
    for (const FlatRange& range : plan_.owned(r)) received.push_back({r, memory + bytes_of(range.begin), bytes_of(range.floats)});
  }
  transport_.exchange(sent, received);
  transport_.let_computing_wait();
}

}  // namespace cohort::trainer
