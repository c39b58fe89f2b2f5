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
  if (comm.size() == 1 || window_) return;
  messages_.resize(plan.buckets().size());
  for (std::size_t b = 0; b < messages_.size(); ++b) {
    std::size_t send = 0, receive = 0;
    for (int r = 0; r < comm.size(); ++r) {
      const auto theirs = static_cast<std::size_t>(std::count(rank_of_leaf_.begin(), rank_of_leaf_.end(), r));
      messages_[b].send_bytes.push_back(nodes_.size() * static_cast<std::size_t>(plan.slice(b, r).floats) * sizeof(float));
      messages_[b].receive_bytes.push_back(theirs * static_cast<std::size_t>(plan.slice(b, comm.rank()).floats) * sizeof(float));
      send += messages_[b].send_bytes.back();
      receive += messages_[b].receive_bytes.back();
    }
    messages_[b].send = AlignedFloats(send / sizeof(float));
    messages_[b].receive = AlignedFloats(receive / sizeof(float));
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

void GradientReducer::progress() {
  if (messages_.empty()) return;
  while (started_ < messages_.size() && sums_[started_]->complete()) start_bucket(started_++);
  for (std::size_t b = 0; b < started_; ++b) messages_[b].request.test();
}

void GradientReducer::start_bucket(std::size_t bucket) {
  BucketMessages& m = messages_[bucket];
  float* to = m.send.data();
  for (int r = 0; r < comm_.size(); ++r) {
    const FlatRange slice = plan_.slice(bucket, r);
    for (const float* root : roots_) to = std::copy_n(root + slice.begin, slice.floats, to);
  }
  m.request = comm_.start_all_to_all(std::as_bytes(m.send.span()), m.send_bytes, std::as_writable_bytes(m.receive.span()), m.receive_bytes);
}

/// Where each leaf's floats begin, in lane order; a rank's leaves lie one after another, `stride` floats each.
std::vector<const float*> GradientReducer::leaf_vectors(const std::vector<const float*>& of_rank, int64_t stride) const {
  std::vector<const float*> vectors;
  std::vector<int64_t> taken(of_rank.size());
  for (const int rank : rank_of_leaf_) {
    const auto r = static_cast<std::size_t>(rank);
    vectors.push_back(of_rank[r] + taken[r]++ * stride);
  }
  return vectors;
}

void GradientReducer::reduce_by_messages() {
  while (started_ < messages_.size()) start_bucket(started_++);
  started_ = 0;
  for (std::size_t b = 0; b < messages_.size(); ++b) {
    messages_[b].request.wait();
    const FlatRange mine = plan_.slice(b, comm_.rank());
    if (mine.floats == 0) continue;
    std::vector<const float*> of_rank;
    const float* at = messages_[b].receive.data();
    for (const std::size_t bytes : messages_[b].receive_bytes) {
      of_rank.push_back(at);
      at += bytes / sizeof(float);
    }
    sum_own(mine, leaf_vectors(of_rank, mine.floats), 0);
  }
  const FlatRange tail = layout_.tail();
  core::Bytes tails;
  for (const float* root : roots_) {
    const auto bytes = std::as_bytes(std::span(root + tail.begin, static_cast<std::size_t>(tail.floats)));
    tails.insert(tails.end(), bytes.begin(), bytes.end());
  }
  const std::vector<core::Bytes> received = comm_.all_gather(tails);
  std::vector<const float*> of_rank;
  for (const core::Bytes& bytes : received) of_rank.push_back(reinterpret_cast<const float*>(bytes.data()));
  sum_own(tail, leaf_vectors(of_rank, tail.floats), 0);
}

LaneGradient::LaneGradient(GradientReducer& reducer, int64_t lane, bool may_talk)
    : reducer_(reducer), lane_(lane), may_talk_(may_talk), there_(reducer.layout().parameters().size()) {
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

void LaneGradient::hand_over(std::size_t bucket) {
  reducer_.sums(bucket).put(lane_, vectors_[bucket]);
  if (may_talk_) reducer_.progress();
}

void LaneGradient::finish() {
  for (std::size_t p = 0; p < there_.size(); ++p) {
    if (!there_[p]) put(p, nullptr);
  }
  hand_over(reducer_.pieces() - 1);
}

}  // namespace cohort::trainer
