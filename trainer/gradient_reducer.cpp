#include "trainer/gradient_reducer.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "trainer/bf16_message.h"
#include "trainer/loss_scaler.h"

namespace cohort::trainer {

GradientReducer::GradientReducer(core::Communicator& comm, int64_t lanes, const FlatLayout& layout, const BucketPlan& plan, bool compress)
    : comm_(comm), lanes_(lanes), layout_(layout), plan_(plan) {
  if (comm.size() > lanes)
    throw core::usage_error(fmt::format("{} ranks are more than train.lanes = {}", comm.size(), lanes),
                            fmt::format("start at most {} ranks, or raise train.lanes (it changes the result)", lanes))
        .known_everywhere();
  mine_ = lanes_of_rank(lanes, comm.rank(), comm.size());
  nodes_ = cover(mine_.first, mine_.first + mine_.count, lanes);
  std::size_t most = 0;
  for (int r = 0; r < comm.size(); ++r) {
    const LaneNode range = lanes_of_rank(lanes, r, comm.size());
    const std::vector<LaneNode> nodes = cover(range.first, range.first + range.count, lanes);
    leaves_.insert(leaves_.end(), nodes.begin(), nodes.end());
    rank_of_leaf_.insert(rank_of_leaf_.end(), nodes.size(), r);
    most = std::max(most, nodes.size());
  }
  const auto floats = static_cast<std::size_t>(layout.gradient_floats());
  if (comm.size() > 1) {
    window_ = comm.window(most * floats * sizeof(float));
    result_ = AlignedFloats(floats);
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (window_) {
      roots_.push_back(reinterpret_cast<float*>(window_->of(comm.rank()).data()) + i * floats);
    } else {
      own_roots_.emplace_back(floats);
      roots_.push_back(own_roots_.back().data());
    }
  }
  if (compress && comm.size() > 1 && !window_) {
    int64_t longest = 0;
    for (std::size_t b = 0; b < plan.buckets().size(); ++b) longest = std::max(longest, plan.slice(b, comm.rank()).floats);
    for (std::size_t i = 0; i < nodes_.size(); ++i) errors_.emplace_back(static_cast<std::size_t>(layout.parameter_floats()));
    for (std::size_t i = 0; i < leaves_.size(); ++i) unpacked_.emplace_back(rank_of_leaf_[i] == comm.rank() ? 0 : static_cast<std::size_t>(longest));
  }
  for (std::size_t i = 0; i <= plan.buckets().size(); ++i) {
    const FlatRange range = piece(i);
    std::vector<float*> roots;
    for (float* root : roots_) roots.push_back(root + range.begin);
    sums_.push_back(std::make_unique<LaneSums>(nodes_, std::move(roots), static_cast<std::size_t>(range.floats)));
  }
}

GradientReducer::~GradientReducer() = default;

float* GradientReducer::reduce() {
  for (const auto& sums : sums_) sums->finish();
  if (comm_.size() == 1) return roots_.front();
  if (window_) {
    reduce_in_window();
  } else {
    reduce_by_messages();
  }
  return result_.data();
}

void GradientReducer::sum_own(FlatRange range, const std::vector<const float*>& vectors, std::size_t begin) {
  sum_tree(leaves_, vectors, lanes_, begin, result_.span().subspan(static_cast<std::size_t>(range.begin), static_cast<std::size_t>(range.floats)));
}

void GradientReducer::reduce_in_window() {
  std::vector<const float*> vectors;
  int before = -1;
  std::size_t node = 0;
  for (const int rank : rank_of_leaf_) {
    node = rank == before ? node + 1 : 0;
    before = rank;
    vectors.push_back(reinterpret_cast<const float*>(window_->of(rank).data()) + node * static_cast<std::size_t>(layout_.gradient_floats()));
  }
  window_->fence();  // every rank's roots are complete
  // Nobody fills a root before the next fence of the step, behind which all sums are made.
  if (sum_tails(vectors, static_cast<std::size_t>(layout_.tail().begin))) return;
  for (std::size_t b = 0; b < plan_.buckets().size(); ++b) {
    const FlatRange slice = plan_.slice(b, comm_.rank());
    sum_own(slice, vectors, static_cast<std::size_t>(slice.begin));
  }
}

/// Whether a lane of any rank reported an overflow: then the step is skipped, and its gradient needs no sum.
bool GradientReducer::sum_tails(const std::vector<const float*>& tails, std::size_t begin) {
  sum_own(layout_.tail(), tails, begin);
  return result_.data()[layout_.overflow()] > 0;
}

/// All roots' floats of a slice, one root after another, as they travel.
core::Bytes GradientReducer::packed(FlatRange slice) {
  const auto floats = static_cast<std::size_t>(slice.floats);
  const std::size_t each = floats * (errors_.empty() ? sizeof(float) : sizeof(uint16_t));
  core::Bytes message(roots_.size() * each);
  for (std::size_t i = 0; i < roots_.size(); ++i) {
    std::byte* const to = message.data() + i * each;
    if (errors_.empty()) {
      if (each > 0) std::memcpy(to, roots_[i] + slice.begin, each);
    } else {
      round_with_feedback(roots_[i] + slice.begin, errors_[i].data() + slice.begin, slice.floats, reinterpret_cast<uint16_t*>(to));
    }
  }
  return message;
}

const float* GradientReducer::unpacked(const core::Bytes& message, std::size_t node, int64_t floats, std::size_t leaf) {
  const auto place = static_cast<int64_t>(node) * floats;
  if (errors_.empty()) return reinterpret_cast<const float*>(message.data()) + place;
  expand_bf16(reinterpret_cast<const uint16_t*>(message.data()) + place, floats, unpacked_[leaf].data());
  return unpacked_[leaf].data();
}

void GradientReducer::reduce_by_messages() {
  /// Of all leaves, in lane order: `find(rank, number among the rank's leaves, leaf)`.
  const auto for_leaves = [&](auto&& find) {
    std::vector<const float*> vectors;
    std::vector<std::size_t> taken(static_cast<std::size_t>(comm_.size()));
    for (std::size_t leaf = 0; leaf < rank_of_leaf_.size(); ++leaf) {
      const auto r = static_cast<std::size_t>(rank_of_leaf_[leaf]);
      vectors.push_back(find(r, taken[r]++, leaf));
    }
    return vectors;
  };
  const FlatRange tail = layout_.tail();
  core::Bytes tails;
  for (const float* root : roots_) {
    const auto bytes = std::as_bytes(std::span(root + tail.begin, static_cast<std::size_t>(tail.floats)));
    tails.insert(tails.end(), bytes.begin(), bytes.end());
  }
  const std::vector<core::Bytes> all_tails = comm_.all_gather(tails);
  if (sum_tails(for_leaves([&](std::size_t r, std::size_t node, std::size_t) {
        return reinterpret_cast<const float*>(all_tails[r].data()) + static_cast<int64_t>(node) * tail.floats;
      }), 0))
    return;

  const auto own = static_cast<std::size_t>(comm_.rank());
  for (std::size_t b = 0; b < plan_.buckets().size(); ++b) {
    std::vector<core::Bytes> send(static_cast<std::size_t>(comm_.size()));
    for (std::size_t r = 0; r < send.size(); ++r)
      if (r != own) send[r] = packed(plan_.slice(b, static_cast<int>(r)));
    const std::vector<core::Bytes> received = comm_.all_to_all(send);
    const FlatRange mine = plan_.slice(b, comm_.rank());
    if (mine.floats == 0) continue;
    sum_own(mine, for_leaves([&](std::size_t r, std::size_t node, std::size_t leaf) -> const float* {
              return r == own ? roots_[node] + mine.begin : unpacked(received[r], node, mine.floats, leaf);
            }), 0);
  }
}

LaneGradient::LaneGradient(GradientReducer& reducer, int64_t lane, std::optional<float> loss_scale)
    : reducer_(reducer), lane_(lane), loss_scale_(loss_scale), there_(reducer.layout().parameters().size()) {
  for (std::size_t i = 0; i < reducer.pieces(); ++i) vectors_.push_back(reducer.sums(i).take(lane));
  for (std::size_t b = 0; b + 1 < reducer.pieces(); ++b) missing_.push_back(reducer.plan().parameters_in(b));
}

void LaneGradient::put(std::size_t parameter, const float* values) {
  const std::size_t bucket = reducer_.plan().bucket_of(parameter);
  const FlatEntry& entry = reducer_.layout().parameters()[parameter];
  const FlatRange stretch = reducer_.layout().stretch(parameter);
  float* to = vectors_[bucket] + (entry.offset - reducer_.piece(bucket).begin);
  if (values != nullptr) take_scale_off(values, entry.numel, to);
  else std::memset(to, 0, static_cast<std::size_t>(entry.numel) * sizeof(float));
  std::memset(to + entry.numel, 0, static_cast<std::size_t>(stretch.floats - entry.numel) * sizeof(float));
  there_[parameter] = true;
  if (--missing_[bucket] == 0) hand_over(bucket);
}

void LaneGradient::take_scale_off(const float* from, int64_t n, float* to) {
  if (loss_scale_) finite_ &= scale_and_check(from, n, 1 / *loss_scale_, to);
  else std::memcpy(to, from, static_cast<std::size_t>(n) * sizeof(float));
}

void LaneGradient::hand_over(std::size_t bucket) { reducer_.sums(bucket).put(lane_, vectors_[bucket]); }

void LaneGradient::finish() {
  for (std::size_t p = 0; p < there_.size(); ++p) {
    if (!there_[p]) put(p, nullptr);
  }
  hand_over(reducer_.pieces() - 1);
}

}  // namespace cohort::trainer
