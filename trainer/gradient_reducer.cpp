#include "trainer/gradient_reducer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

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
  if (compress && comm.size() > 1 && !window_) {
    int64_t longest = 0;
    for (std::size_t b = 0; b < plan.buckets().size(); ++b) longest = std::max(longest, plan.slice(b, comm.rank()).floats);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      errors_.emplace_back(static_cast<std::size_t>(layout.parameter_floats()));
      errors_now_.emplace_back(static_cast<std::size_t>(layout.parameter_floats()));
    }
    for (std::size_t i = 0; i < leaves_.size(); ++i) unpacked_.emplace_back(rank_of_leaf_[i] == comm.rank() ? 0 : static_cast<std::size_t>(longest));
  }
  for (std::size_t i = 0; i <= plan.buckets().size(); ++i) {
    const FlatRange range = piece(i);
    std::vector<float*> roots;
    for (float* root : roots_) roots.push_back(root + range.begin);
    sums_.push_back(std::make_unique<LaneSums>(nodes_, std::move(roots), static_cast<std::size_t>(range.floats)));
  }
  if (comm.size() == 1 || window_) return;
  for (int r = 0; r < comm.size(); ++r)
    tail_bytes_.push_back(static_cast<std::size_t>(std::count(rank_of_leaf_.begin(), rank_of_leaf_.end(), r) * layout.tail().floats) * sizeof(float));
  tails_.resize(std::accumulate(tail_bytes_.begin(), tail_bytes_.end(), std::size_t{0}));
  messages_.resize(plan.buckets().size());
  const std::size_t element = compress ? sizeof(uint16_t) : sizeof(float);
  for (std::size_t b = 0; b < messages_.size(); ++b) {
    BucketMessages& m = messages_[b];
    for (int r = 0; r < comm.size(); ++r) {
      const bool other = r != comm.rank();
      const auto theirs = static_cast<std::size_t>(std::count(rank_of_leaf_.begin(), rank_of_leaf_.end(), r));
      m.send_bytes.push_back(other ? nodes_.size() * static_cast<std::size_t>(plan.slice(b, r).floats) * element : 0);
      m.receive_bytes.push_back(other ? theirs * static_cast<std::size_t>(plan.slice(b, comm.rank()).floats) * element : 0);
    }
    m.send.resize(std::accumulate(m.send_bytes.begin(), m.send_bytes.end(), std::size_t{0}));
    m.receive.resize(std::accumulate(m.receive_bytes.begin(), m.receive_bytes.end(), std::size_t{0}));
  }
}

GradientReducer::~GradientReducer() = default;

void GradientReducer::set_out() {
  for (const auto& sums : sums_) sums->finish();
  all_set_out_ = true;
  if (!sends()) return;
  while (started_ < messages_.size()) start_bucket(started_++);
  const FlatRange tail = layout_.tail();
  own_tails_.clear();
  for (const float* root : roots_) {
    const auto bytes = std::as_bytes(std::span(root + tail.begin, static_cast<std::size_t>(tail.floats)));
    own_tails_.insert(own_tails_.end(), bytes.begin(), bytes.end());
  }
  tails_request_ = comm_.start_all_gather(std::span<const std::byte>(own_tails_), std::span<std::byte>(tails_), tail_bytes_);
}

float* GradientReducer::reduce() {
  if (!all_set_out_) set_out();
  all_set_out_ = false;
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

void GradientReducer::progress() {
  while (started_ < messages_.size() && sums_[started_]->complete()) start_bucket(started_++);
  // Any of them gets on with all.
  for (std::size_t b = 0; b < started_; ++b)
    if (!messages_[b].request.test()) return;
}

void GradientReducer::start_bucket(std::size_t bucket) {
  BucketMessages& m = messages_[bucket];
  std::byte* to = m.send.data();
  for (int r = 0; r < comm_.size(); ++r) {
    const FlatRange slice = plan_.slice(bucket, r);
    if (r == comm_.rank() || slice.floats == 0) continue;
    const auto floats = static_cast<std::size_t>(slice.floats);
    for (std::size_t i = 0; i < roots_.size(); ++i) {
      if (errors_.empty()) {
        std::memcpy(to, roots_[i] + slice.begin, floats * sizeof(float));
        to += floats * sizeof(float);
      } else {
        std::copy_n(errors_[i].data() + slice.begin, floats, errors_now_[i].data() + slice.begin);
        round_with_feedback(roots_[i] + slice.begin, errors_now_[i].data() + slice.begin, slice.floats, reinterpret_cast<uint16_t*>(to));
        to += floats * sizeof(uint16_t);
      }
    }
  }
  m.request = comm_.start_all_to_all(m.send, m.send_bytes, m.receive, m.receive_bytes);
}

/// Sums the own slice of a bucket whose messages have come.
void GradientReducer::sum_bucket(std::size_t bucket) {
  const FlatRange mine = plan_.slice(bucket, comm_.rank());
  if (mine.floats == 0) return;
  const std::byte* from = messages_[bucket].receive.data();
  std::vector<const float*> vectors;
  std::size_t own = 0;
  for (std::size_t leaf = 0; leaf < leaves_.size(); ++leaf) {
    if (rank_of_leaf_[leaf] == comm_.rank()) {
      vectors.push_back(roots_[own++] + mine.begin);
    } else if (errors_.empty()) {
      vectors.push_back(reinterpret_cast<const float*>(from));
      from += static_cast<std::size_t>(mine.floats) * sizeof(float);
    } else {
      expand_bf16(reinterpret_cast<const uint16_t*>(from), mine.floats, unpacked_[leaf].data());
      vectors.push_back(unpacked_[leaf].data());
      from += static_cast<std::size_t>(mine.floats) * sizeof(uint16_t);
    }
  }
  sum_own(mine, vectors, 0);
}

void GradientReducer::reduce_by_messages() {
  started_ = 0;
  tails_request_.wait();
  std::vector<const float*> vectors;
  const auto* const tails = reinterpret_cast<const float*>(tails_.data());
  for (std::size_t leaf = 0; leaf < leaves_.size(); ++leaf) vectors.push_back(tails + static_cast<int64_t>(leaf) * layout_.tail().floats);
  const bool skipped = sum_tails(vectors, 0);
  for (std::size_t b = 0; b < messages_.size(); ++b) {
    messages_[b].request.wait();
    if (!skipped) sum_bucket(b);
  }
  // What the messages of a skipped step left out is nobody's.
  if (!skipped) errors_.swap(errors_now_);
}

LaneGradient::LaneGradient(GradientReducer& reducer, int64_t lane, std::optional<float> loss_scale, const Talk* talk)
    : reducer_(reducer), lane_(lane), loss_scale_(loss_scale), talk_(talk), there_(reducer.layout().parameters().size()) {
  for (std::size_t b = 0; b + 1 < reducer.pieces(); ++b) buckets_.push_back({.place = {}, .missing = reducer.plan().parameters_in(b)});
  tail_ = reducer.sums(reducer.pieces() - 1).take(lane);
}

void LaneGradient::put(std::size_t parameter, const float* values) {
  const std::size_t b = reducer_.plan().bucket_of(parameter);
  const FlatEntry& entry = reducer_.layout().parameters()[parameter];
  Bucket& bucket = buckets_[b];
  if (bucket.place.to == nullptr) bucket.place = reducer_.sums(b).join(lane_);
  float* const to = bucket.place.to + (entry.offset - reducer_.piece(b).begin);
  const bool finite_before = finite_;
  if (values != nullptr) write(values, entry.numel, bucket.place.add, to);
  else write_zeros(entry.numel, bucket.place.add, to);
  if (finite_before && !finite_) first_bad_ = static_cast<int64_t>(parameter);
  // Padding is zero, and so is the sum of a sibling's.
  if (!bucket.place.add) std::fill(to + entry.numel, to + reducer_.layout().stretch(parameter).floats, 0.0F);
  there_[parameter] = true;
  if (--bucket.missing == 0) reducer_.sums(b).put(bucket.place);
  if (talk_ != nullptr) (*talk_)();
}

void LaneGradient::put(std::size_t parameter, const at::Tensor& gradient) {
  put(parameter, gradient.is_contiguous() ? gradient.data_ptr<float>() : gradient.contiguous().data_ptr<float>());
}

/// Nothing is fused: a product is rounded before it is added, so that a sum made in place is the sum of two vectors.
void LaneGradient::write(const float* values, int64_t n, bool to_add, float* to) {
  constexpr int64_t kBlock = 1024;
  if (!loss_scale_) {
    finite_ &= take_and_check(values, n, to_add, to);
  } else if (!to_add) {
    finite_ &= scale_and_check(values, n, 1 / *loss_scale_, to);
  } else {
    std::array<float, kBlock> block;
    for (int64_t done = 0; done < n; done += kBlock) {
      const int64_t count = std::min(kBlock, n - done);
      finite_ &= scale_and_check(values + done, count, 1 / *loss_scale_, block.data());
      take_and_check(block.data(), count, true, to + done);
    }
  }
}

void LaneGradient::write_zeros(int64_t n, bool to_add, float* to) {
  if (!to_add) std::fill(to, to + n, 0.0F);
  else for (int64_t i = 0; i < n; ++i) to[i] += 0.0F;  // −0 becomes +0, as in any sum
}

void LaneGradient::check(const float* values, int64_t n) { finite_ &= all_finite(values, n); }

void LaneGradient::take_scale_off(const float* from, int64_t n, float* to) { finite_ &= scale_and_check(from, n, 1 / *loss_scale_, to); }

void LaneGradient::finish() {
  for (std::size_t p = 0; p < there_.size(); ++p) {
    if (!there_[p]) put(p, nullptr);
  }
  reducer_.sums(reducer_.pieces() - 1).put(tail_);
}

}  // namespace cohort::trainer
