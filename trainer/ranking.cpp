#include "trainer/ranking.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace cohort::trainer {
namespace {

// Scores fall into buckets by the upper half of their ordered bits. A bucket lies on one rank whole, so that sums of reals are made per bucket
// and then in bucket order, whoever holds them.
constexpr std::size_t kBuckets = 65536;

/// Unsigned integers in the order of the floats; −0 and 0 are equal.
uint32_t ordered_bits(float score) {
  const auto bits = std::bit_cast<uint32_t>(score == 0 ? 0.0f : score);
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

/// The rank that holds each bucket: contiguous ranges with about equal numbers of rows.
std::vector<int> owners(std::span<const int64_t> rows_of_bucket, int ranks) {
  int64_t total = 0, before = 0;
  for (const int64_t rows : rows_of_bucket) total += rows;
  std::vector<int> owner(kBuckets);
  for (std::size_t b = 0; b < kBuckets; ++b) {
    owner[b] = total == 0 ? 0 : static_cast<int>(std::min<int64_t>(ranks - 1, before * ranks / total));
    before += rows_of_bucket[b];
  }
  return owner;
}

/// A score and its class in one sortable number.
uint64_t record(uint32_t key, bool positive) { return static_cast<uint64_t>(key) << 1 | (positive ? 1 : 0); }

/// Memory: 8 bytes a row of this rank on one rank, up to 24 on more.
std::vector<uint64_t> exchange(core::Communicator& comm, std::span<const float> scores, std::span<const float> labels, const std::vector<int>& owner) {
  std::vector<std::size_t> counts(static_cast<std::size_t>(comm.size()), 0);
  for (const float score : scores) ++counts[static_cast<std::size_t>(owner[ordered_bits(score) >> 16])];
  std::vector<std::vector<uint64_t>> send(counts.size());
  for (std::size_t r = 0; r < send.size(); ++r) send[r].reserve(counts[r]);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const uint32_t key = ordered_bits(scores[i]);
    send[static_cast<std::size_t>(owner[key >> 16])].push_back(record(key, labels[i] > 0.5f));
  }
  std::vector<uint64_t> mine;
  if (send.size() == 1) {
    mine = std::move(send.front());
  } else {
    std::vector<core::Bytes> bytes;
    for (auto& records : send) {
      const auto view = std::as_bytes(std::span(records));
      bytes.emplace_back(view.begin(), view.end());
      std::vector<uint64_t>().swap(records);
    }
    std::vector<core::Bytes> received = comm.all_to_all(bytes);
    bytes.clear();
    std::size_t total = 0;
    for (const core::Bytes& part : received) total += part.size() / sizeof(uint64_t);
    mine.resize(total);
    std::size_t before = 0;
    for (core::Bytes& part : received) {
      if (!part.empty()) std::memcpy(mine.data() + before, part.data(), part.size());
      before += part.size() / sizeof(uint64_t);
      core::Bytes().swap(part);
    }
  }
  std::sort(mine.begin(), mine.end(), std::greater<>());
  return mine;
}

/// What a rank finds in its range of scores, from the highest down.
struct Share {
  __int128 doubled_pairs = 0;  ///< 2·(pairs ordered right) + ties
  double ks = 0;
  std::vector<double> precision;  ///< per bucket
};

Share walk(const std::vector<uint64_t>& records, int64_t true_positives, int64_t false_positives, int64_t positives, int64_t negatives) {
  Share share;
  share.precision.assign(kBuckets, 0.0);
  for (std::size_t i = 0; i < records.size();) {
    const uint64_t key = records[i] >> 1;
    int64_t p = 0, n = 0;
    for (; i < records.size() && records[i] >> 1 == key; ++i) ((records[i] & 1) != 0 ? p : n) += 1;
    true_positives += p;
    false_positives += n;
    const int64_t below = negatives - false_positives;
    share.doubled_pairs += static_cast<__int128>(2) * p * below + static_cast<__int128>(p) * n;
    share.ks = std::max(share.ks, static_cast<double>(true_positives) / static_cast<double>(positives) -
                                      static_cast<double>(false_positives) / static_cast<double>(negatives));
    share.precision[key >> 16] += static_cast<double>(p) / static_cast<double>(positives) * static_cast<double>(true_positives) /
                                  static_cast<double>(true_positives + false_positives);
  }
  return share;
}

}  // namespace

Ranking rank_scores(core::Communicator& comm, std::span<const float> scores, std::span<const float> labels) {
  std::vector<int64_t> counts(2 * kBuckets + 1, 0);  // negatives, positives, scores that are no numbers
  for (std::size_t i = 0; i < scores.size(); ++i) {
    counts[(labels[i] > 0.5f ? kBuckets : 0) + (ordered_bits(scores[i]) >> 16)] += 1;
    if (!std::isfinite(scores[i])) counts.back() += 1;
  }
  comm.sum(counts);
  int64_t negatives = 0, positives = 0;
  std::vector<int64_t> rows(kBuckets);
  for (std::size_t b = 0; b < kBuckets; ++b) {
    negatives += counts[b];
    positives += counts[kBuckets + b];
    rows[b] = counts[b] + counts[kBuckets + b];
  }
  if (positives == 0 || negatives == 0 || counts.back() > 0) {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    return {nan, nan, nan};
  }

  const std::vector<int> owner = owners(rows, comm.size());
  const std::vector<uint64_t> mine = exchange(comm, scores, labels, owner);
  int64_t above_positive = 0, above_negative = 0;
  for (std::size_t b = 0; b < kBuckets; ++b)
    if (owner[b] > comm.rank()) {
      above_negative += counts[b];
      above_positive += counts[kBuckets + b];
    }
  const Share share = walk(mine, above_positive, above_negative, positives, negatives);

  core::Bytes message(sizeof(__int128) + sizeof(double) * (1 + kBuckets));
  std::memcpy(message.data(), &share.doubled_pairs, sizeof(__int128));
  std::memcpy(message.data() + sizeof(__int128), &share.ks, sizeof(double));
  std::memcpy(message.data() + sizeof(__int128) + sizeof(double), share.precision.data(), sizeof(double) * kBuckets);
  __int128 doubled_pairs = 0;
  Ranking result;
  std::vector<double> precision(kBuckets, 0.0);
  for (const core::Bytes& bytes : comm.all_gather(message)) {
    __int128 pairs = 0;
    double ks = 0;
    std::memcpy(&pairs, bytes.data(), sizeof pairs);
    std::memcpy(&ks, bytes.data() + sizeof pairs, sizeof ks);
    doubled_pairs += pairs;
    result.ks = std::max(result.ks, ks);
    for (std::size_t b = 0; b < kBuckets; ++b) {
      double value = 0;
      std::memcpy(&value, bytes.data() + sizeof pairs + sizeof(double) * (1 + b), sizeof value);
      precision[b] += value;  // zero on all ranks but one
    }
  }
  for (std::size_t b = kBuckets; b-- > 0;) result.average_precision += precision[b];
  result.auc = static_cast<double>(doubled_pairs) / (2.0 * static_cast<double>(positives) * static_cast<double>(negatives));
  return result;
}

}  // namespace cohort::trainer
