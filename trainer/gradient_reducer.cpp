#include "trainer/gradient_reducer.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace cohort::trainer {

GradientReducer::GradientReducer(core::Communicator& comm, int64_t lanes, const FlatLayout& layout, const BucketPlan& plan)
    : comm_(comm), lanes_(lanes), layout_(layout), plan_(plan) {
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
    rank_of_leaf_.insert(rank_of_leaf_.end(), nodes.size(), r);
  }
  const auto floats = static_cast<std::size_t>(layout.gradient_floats());
  if (comm.size() > 1) {
    window_ = comm.window(nodes_.size() * floats * sizeof(float));
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
  for (std::size_t b = 0; b < plan_.buckets().size(); ++b) {
    const FlatRange slice = plan_.slice(b, comm_.rank());
    sum_own(slice, vectors, static_cast<std::size_t>(slice.begin));
  }
  sum_own(layout_.tail(), vectors, static_cast<std::size_t>(layout_.tail().begin));
  // Nobody fills a root before the next fence of the step, behind which all sums are made.
}

void GradientReducer::reduce_by_messages() {
  const auto bytes_of = [](const float* from, int64_t floats) { return std::as_bytes(std::span(from, static_cast<std::size_t>(floats))); };
  const auto append = [&](core::Bytes& bytes, const float* from, int64_t floats) {
    const auto more = bytes_of(from, floats);
    bytes.insert(bytes.end(), more.begin(), more.end());
  };
  /// The pieces of all leaves, in lane order, out of one message a rank; each message holds its rank's leaves one after another.
  const auto vectors_in = [&](const std::vector<core::Bytes>& messages, int64_t floats) {
    std::vector<const float*> vectors;
    std::vector<std::size_t> taken(messages.size());
    for (const int rank : rank_of_leaf_) {
      const auto r = static_cast<std::size_t>(rank);
      vectors.push_back(reinterpret_cast<const float*>(messages[r].data()) + static_cast<int64_t>(taken[r]++) * floats);
    }
    return vectors;
  };
  for (std::size_t b = 0; b < plan_.buckets().size(); ++b) {
    std::vector<core::Bytes> send(static_cast<std::size_t>(comm_.size()));
    for (int r = 0; r < comm_.size(); ++r) {
      const FlatRange slice = plan_.slice(b, r);
      for (const float* root : roots_) append(send[static_cast<std::size_t>(r)], root + slice.begin, slice.floats);
    }
    const std::vector<core::Bytes> received = comm_.all_to_all(send);
    const FlatRange mine = plan_.slice(b, comm_.rank());
    if (mine.floats > 0) sum_own(mine, vectors_in(received, mine.floats), 0);
  }
  core::Bytes tails;
  for (const float* root : roots_) append(tails, root + layout_.tail().begin, layout_.tail().floats);
  const std::vector<core::Bytes> received = comm_.all_gather(tails);
  sum_own(layout_.tail(), vectors_in(received, layout_.tail().floats), 0);
}

LaneGradient::LaneGradient(GradientReducer& reducer, int64_t lane) : reducer_(reducer), lane_(lane), there_(reducer.layout().parameters().size()) {
  for (std::size_t i = 0; i < reducer.pieces(); ++i) vectors_.push_back(reducer.sums(i).take(lane));
  for (std::size_t b = 0; b + 1 < reducer.pieces(); ++b) missing_.push_back(reducer.plan().parameters_in(b));
}

void LaneGradient::put(std::size_t parameter, const float* values) {
  const std::size_t bucket = reducer_.plan().bucket_of(parameter);
  const FlatEntry& entry = reducer_.layout().parameters()[parameter];
  const FlatRange stretch = reducer_.layout().stretch(parameter);
  float* to = vectors_[bucket] + (entry.offset - reducer_.piece(bucket).begin);
  if (values != nullptr) std::memcpy(to, values, static_cast<std::size_t>(entry.numel) * sizeof(float));
  else std::memset(to, 0, static_cast<std::size_t>(entry.numel) * sizeof(float));
  std::memset(to + entry.numel, 0, static_cast<std::size_t>(stretch.floats - entry.numel) * sizeof(float));
  there_[parameter] = true;
  if (--missing_[bucket] == 0) hand_over(bucket);
}

void LaneGradient::hand_over(std::size_t bucket) { reducer_.sums(bucket).put(lane_, vectors_[bucket]); }

void LaneGradient::finish() {
  for (std::size_t p = 0; p < there_.size(); ++p) {
    if (!there_[p]) put(p, nullptr);
  }
  hand_over(reducer_.pieces() - 1);
}

}  // namespace cohort::trainer
