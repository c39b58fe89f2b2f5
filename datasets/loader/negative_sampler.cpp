#include "datasets/loader/negative_sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "core/philox.h"
#include "core/portable_math.h"
#include "datasets/features/training_column.h"

namespace cohort::datasets {
namespace {

constexpr uint64_t kTries = 64;
constexpr std::size_t kMostNegatives = 16384;

/// Weights count^alpha as integers that add up to about 2^62.
std::vector<uint64_t> powered(std::span<const uint64_t> counts, double alpha) {
  std::vector<double> powers;
  double sum = 0;
  for (const uint64_t count : counts) {
    powers.push_back(count == 0 ? 0 : core::portable_pow(static_cast<double>(count), alpha));
    sum += powers.back();
  }
  std::vector<uint64_t> weights;
  for (const double power : powers) weights.push_back(static_cast<uint64_t>(power / sum * 0x1p62));
  return weights;
}

void count_index(std::vector<uint64_t>& counts, const std::vector<int32_t>& table, int32_t code) {
  ++counts[static_cast<std::size_t>(code < 0 ? kMissingIndex : table[static_cast<std::size_t>(code)])];
}

}  // namespace

void NegativeOptions::describe(core::Describe<NegativeOptions>& d) {
  using O = NegativeOptions;
  d.field("method", &O::method, "uniform: all items alike; popularity: by their count to the power alpha; in_batch: the positives of the lane's other rows, "
                                "corrected by their popularity").one_of({"uniform", "popularity", "in_batch"});
  d.field("alpha", &O::alpha, "power of an item's count in the training split").min(0).max(2);
  d.field("count", &O::count, "negatives of each positive").min(1).max(static_cast<double>(kMostNegatives));
  d.field("exclude_own", &O::exclude_own, "a row's own positives are no negatives of it");
}

std::vector<uint64_t> training_counts(const Dataset& dataset, const Split& split, const CategoricalFeature& feature) {
  const Column& column = dataset.schema().at(feature.column);
  const std::vector<int32_t> table = code_table(feature, column.dictionary);
  std::vector<uint64_t> counts(static_cast<std::size_t>(feature.cardinality()), 0);
  TrainingColumn(dataset, split, column).each_code_block([&](std::span<const int32_t> block) {
    for (const int32_t code : block) count_index(counts, table, code);
  });
  return counts;
}

std::vector<uint64_t> training_counts(const Dataset& dataset, const Split& split, const SequenceFeature& feature, int64_t hold_out) {
  const Column& column = dataset.schema().at(feature.column);
  const std::vector<int32_t> table = code_table(feature.vocabulary, column.dictionary);
  std::vector<uint64_t> counts(static_cast<std::size_t>(feature.vocabulary.cardinality()), 0);
  TrainingColumn(dataset, split, column)
      .each_sequence_block<int32_t>(hold_out, feature.max_length, feature.keep_last, [&](std::span<int32_t> block) {
        for (const int32_t code : block) count_index(counts, table, code);
      });
  return counts;
}

NegativeSampler::NegativeSampler(const NegativeOptions& options, std::span<const uint64_t> counts, uint64_t seed)
    : method_(options.method), seed_(seed), items_(counts.size() - std::min<std::size_t>(counts.size(), kFirstIndex)) {
  const std::span<const uint64_t> of_items = counts.last(items_);
  const uint64_t total = std::accumulate(of_items.begin(), of_items.end(), uint64_t{0});
  if (total == 0 && (method_ != "uniform" || items_ == 0)) {
    throw core::usage_error("there is no item to draw negatives from: the training split holds none that is frequent enough",
                            "lower min_count of the column's rule");
  }
  log_q_.assign(counts.size(), -std::numeric_limits<float>::infinity());
  if (method_ == "uniform") {
    std::fill(log_q_.begin() + kFirstIndex, log_q_.end(), static_cast<float>(-core::portable_log(static_cast<double>(items_))));
  } else if (method_ == "popularity") {
    const std::vector<uint64_t> weights = powered(of_items, options.alpha);
    table_.emplace(weights);
    const auto sum = static_cast<double>(std::accumulate(weights.begin(), weights.end(), uint64_t{0}));
    for (std::size_t i = 0; i < weights.size(); ++i) {
      if (weights[i] > 0) log_q_[kFirstIndex + i] = static_cast<float>(core::portable_log(static_cast<double>(weights[i]) / sum));
    }
  } else {
    const auto sum = static_cast<double>(std::accumulate(counts.begin(), counts.end(), uint64_t{0}));
    for (std::size_t i = 0; i < counts.size(); ++i) {
      log_q_[i] = static_cast<float>(core::portable_log(static_cast<double>(std::max<uint64_t>(counts[i], 1)) / sum));
    }
  }
}

int32_t NegativeSampler::draw_one(uint64_t random) const {
  const uint64_t item = table_ ? (*table_)(random) : static_cast<uint64_t>(static_cast<unsigned __int128>(random) * items_ >> 64);
  return kFirstIndex + static_cast<int32_t>(item);
}

void NegativeSampler::draw(uint64_t round, uint64_t row, uint32_t position, std::span<const int32_t> own, std::span<int32_t> out) const {
  if (method_ == "in_batch" || out.size() > kMostNegatives) throw core::failed_error("these negatives can't be drawn");
  const core::KeyedRandom random(seed_, "negatives", static_cast<uint32_t>(round), position);
  for (std::size_t k = 0; k < out.size(); ++k) {
    const uint64_t first = (row * kMostNegatives + k) * kTries;
    int32_t drawn = -1;
    for (uint64_t t = 0; t < kTries && drawn < 0; ++t) {
      const int32_t candidate = draw_one(random.u64(first + t));
      if (!std::binary_search(own.begin(), own.end(), candidate)) drawn = candidate;
    }
    if (drawn < 0) {
      // Nearly all that is drawn is the row's own: the next item that isn't, from where the last draw fell.
      const auto start = static_cast<uint64_t>(draw_one(random.u64(first + kTries - 1)) - kFirstIndex);
      for (uint64_t i = 0; i < items_ && drawn < 0; ++i) {
        const auto candidate = kFirstIndex + static_cast<int32_t>((start + i) % items_);
        if (std::isfinite(log_q(candidate)) && !std::binary_search(own.begin(), own.end(), candidate)) drawn = candidate;
      }
    }
    out[k] = drawn;
  }
}

void NegativeSampler::log_q(std::span<const int32_t> indices, std::span<float> out) const {
  std::transform(indices.begin(), indices.end(), out.begin(), [this](int32_t index) { return log_q(index); });
}

void mark_in_batch_hits(std::span<const int32_t> positives, std::span<uint8_t> out) {
  const std::size_t n = positives.size();
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) out[i * n + j] = i != j && positives[i] == positives[j] ? 1 : 0;
  }
}

}  // namespace cohort::datasets
