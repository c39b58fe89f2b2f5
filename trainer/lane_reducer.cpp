#include "trainer/lane_reducer.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace cohort::trainer {

LaneReducer::LaneReducer(core::Communicator& comm, int64_t lanes, std::size_t floats)
    : comm_(comm), lanes_(lanes), floats_(floats), max_nodes_(0) {
  const auto ranks = static_cast<std::size_t>(comm.size());
  if (comm.size() > lanes)
    throw core::usage_error(fmt::format("{} ranks are more than train.lanes = {}", comm.size(), lanes),
                            fmt::format("start at most {} ranks, or raise train.lanes (it changes the result)", lanes))
        .known_everywhere();
  mine_ = lanes_of_rank(lanes, comm.rank(), comm.size());
  nodes_ = cover(mine_.first, mine_.first + mine_.count, lanes);
  for (int r = 0; r < comm.size(); ++r) {
    const LaneNode range = lanes_of_rank(lanes, r, comm.size());
    const std::vector<LaneNode> nodes = cover(range.first, range.first + range.count, lanes);
    leaves_.insert(leaves_.end(), nodes.begin(), nodes.end());
    max_nodes_ = std::max(max_nodes_, nodes.size());
  }
  // Slices are multiples of 64 bytes, so that no boundary falls into a vector.
  slice_ = ((floats + ranks - 1) / ranks + 15) / 16 * 16;
  const std::size_t padded = slice_ * ranks;
  if (ranks == 1) {
    own_roots_.emplace_back(floats);
    roots_ = {own_roots_.front().data()};
    return;
  }
  sum_ = AlignedFloats(padded);
  window_ = comm.window((max_nodes_ * padded + slice_) * sizeof(float));
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (window_) {
      roots_.push_back(reinterpret_cast<float*>(window_->of(comm.rank()).data()) + i * padded);
    } else {
      own_roots_.emplace_back(padded);
      roots_.push_back(own_roots_.back().data());
    }
  }
  if (!window_) {
    slice_sum_ = AlignedFloats(slice_);
    received_ = AlignedFloats(max_nodes_ * padded);
    while (own_roots_.size() < max_nodes_) own_roots_.emplace_back(padded);
  }
}

LaneReducer::~LaneReducer() = default;

float* LaneReducer::reduce() {
  if (comm_.size() == 1) return roots_.front();
  if (window_) {
    reduce_in_window();
  } else {
    reduce_by_messages();
  }
  return sum_.data();
}

void LaneReducer::reduce_in_window() {
  const std::size_t padded = slice_ * static_cast<std::size_t>(comm_.size());
  const auto segment = [&](int rank) { return reinterpret_cast<float*>(window_->of(rank).data()); };
  std::vector<const float*> vectors;
  for (int r = 0; r < comm_.size(); ++r) {
    const LaneNode range = lanes_of_rank(lanes_, r, comm_.size());
    const std::size_t count = cover(range.first, range.first + range.count, lanes_).size();
    for (std::size_t i = 0; i < count; ++i) vectors.push_back(segment(r) + i * padded);
  }
  window_->fence();  // every rank's roots are complete
  float* mine = segment(comm_.rank()) + max_nodes_ * padded;
  sum_tree(leaves_, vectors, lanes_, slice_ * static_cast<std::size_t>(comm_.rank()), {mine, slice_});
  window_->fence();  // every slice is summed, and nobody reads the roots any more
  for (int r = 0; r < comm_.size(); ++r)
    std::memcpy(sum_.data() + slice_ * static_cast<std::size_t>(r), segment(r) + max_nodes_ * padded, slice_ * sizeof(float));
}

void LaneReducer::reduce_by_messages() {
  const auto ranks = static_cast<std::size_t>(comm_.size());
  const std::size_t padded = slice_ * ranks;
  for (std::size_t i = 0; i < max_nodes_; ++i)
    comm_.all_to_all(own_roots_[i].span(), {received_.data() + i * padded, padded});
  std::vector<const float*> vectors;
  for (std::size_t r = 0; r < ranks; ++r) {
    const LaneNode range = lanes_of_rank(lanes_, static_cast<int>(r), comm_.size());
    const std::size_t count = cover(range.first, range.first + range.count, lanes_).size();
    for (std::size_t i = 0; i < count; ++i) vectors.push_back(received_.data() + i * padded + r * slice_);
  }
  sum_tree(leaves_, vectors, lanes_, 0, slice_sum_.span());
  comm_.all_gather(slice_sum_.span(), sum_.span());
}

}  // namespace cohort::trainer
