// How the flat gradient vector is cut: into buckets that are summed as soon as backward has filled them, and each bucket into one slice a rank.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/flat_layout.h"

namespace cohort::trainer {

/// Buckets are whole parameters, in the order in which backward reaches them; the first is small, so that summing begins early. The tail (states, loss) is
/// no bucket: every rank sums all of it. Fixed for a run and no part of the result.
class BucketPlan {
 public:
  /// `bucket_bytes`: a bucket is closed when it has this many; the first one at a sixteenth.
  BucketPlan(const FlatLayout& layout, int64_t bucket_bytes, int ranks);

  const std::vector<FlatRange>& buckets() const { return buckets_; }
  std::size_t bucket_of(std::size_t parameter) const { return bucket_of_[parameter]; }
  int64_t parameters_in(std::size_t bucket) const { return parameters_in_[bucket]; }
  /// What `rank` sums and updates of a bucket: whole lines, as even as can be; may be empty.
  FlatRange slice(std::size_t bucket, int rank) const;
  /// All slices of a rank, neighbours merged, in buffer order.
  std::vector<FlatRange> owned(int rank) const;
  /// Of every rank.
  std::vector<std::vector<FlatRange>> owned() const;

  /// The cut in words, for ranks to compare.
  std::string text() const;

 private:
  std::vector<FlatRange> buckets_;
  std::vector<std::size_t> bucket_of_;
  std::vector<int64_t> parameters_in_;
  int ranks_;
};

}  // namespace cohort::trainer
