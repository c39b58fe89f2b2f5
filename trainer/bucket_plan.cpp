#include "trainer/bucket_plan.h"

#include <algorithm>

#include <fmt/format.h>

namespace cohort::trainer {

BucketPlan::BucketPlan(const FlatLayout& layout, int64_t bucket_bytes, int ranks) : ranks_(ranks) {
  const int64_t full = std::max<int64_t>(1, bucket_bytes / static_cast<int64_t>(sizeof(float)));
  for (std::size_t p = 0; p < layout.parameters().size(); ++p) {
    const FlatRange stretch = layout.stretch(p);
    const bool closed = buckets_.empty() || buckets_.back().floats >= (buckets_.size() == 1 ? std::max<int64_t>(1, full / 16) : full);
    if (closed) {
      buckets_.push_back({stretch.begin, 0});
      parameters_in_.push_back(0);
    }
    buckets_.back().floats += stretch.floats;
    ++parameters_in_.back();
    bucket_of_.push_back(buckets_.size() - 1);
  }
}

FlatRange BucketPlan::slice(std::size_t bucket, int rank) const {
  const FlatRange& all = buckets_[bucket];
  const int64_t lines = all.floats / kLine, each = (lines + ranks_ - 1) / ranks_;
  const int64_t first = std::min(lines, each * rank), last = std::min(lines, each * (rank + 1));
  return {all.begin + first * kLine, (last - first) * kLine};
}

std::vector<FlatRange> BucketPlan::owned(int rank) const {
  std::vector<FlatRange> owned;
  for (std::size_t b = 0; b < buckets_.size(); ++b) {
    const FlatRange mine = slice(b, rank);
    if (mine.floats == 0) continue;
    if (!owned.empty() && owned.back().end() == mine.begin) owned.back().floats += mine.floats;
    else owned.push_back(mine);
  }
  return owned;
}

std::vector<std::vector<FlatRange>> BucketPlan::owned() const {
  std::vector<std::vector<FlatRange>> all;
  for (int r = 0; r < ranks_; ++r) all.push_back(owned(r));
  return all;
}

std::string BucketPlan::text() const {
  std::string text = fmt::format("{} ranks", ranks_);
  for (std::size_t b = 0; b < buckets_.size(); ++b)
    text += fmt::format("; bucket {}: floats {} to {}, {} parameters", b, buckets_[b].begin, buckets_[b].end(), parameters_in_[b]);
  return text;
}

}  // namespace cohort::trainer
