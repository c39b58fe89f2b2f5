// Negative items for models that learn from positives alone.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/options.h"
#include "datasets/features/features.h"
#include "datasets/loader/alias_table.h"
#include "datasets/split/split.h"
#include "datasets/store/dataset.h"

namespace cohort::datasets {

/// A table for models that need negatives.
struct NegativeOptions {
  std::string method = "uniform";  ///< uniform, popularity, in_batch
  double alpha = 0.75;             ///< popularity: an item is drawn in proportion to its count to this power
  int64_t count = 1;               ///< negatives of each positive; in_batch has as many as the lane has other rows
  bool exclude_own = true;         ///< a row's own positives are no negatives of it
  static void describe(core::Describe<NegativeOptions>& d);
};

/// How often each index occurs in the training split: [cardinality of the values, without a mask], unknown and missing first. Of sequences
/// the elements that training sees count. Local; reads the column. Deterministic.
std::vector<uint64_t> training_counts(const Dataset& dataset, const Split& split, const CategoricalFeature& feature);
std::vector<uint64_t> training_counts(const Dataset& dataset, const Split& split, const SequenceFeature& feature, int64_t hold_out);

/// Draws indices of items. What is drawn is keyed by (seed, round, row, position): the same on any number of ranks and threads. Thread-safe.
///   uniform      every value of the vocabulary alike
///   popularity   in proportion to count^alpha (Mikolov et al., "Distributed representations of words and phrases", NIPS 2013, § 2.2), by an alias
///                table: O(1) a draw, 12 bytes an item
///   in_batch     nothing is drawn: a row's negatives are the positives of the other rows of its lane; log_q corrects for their being drawn by
///                popularity (Yi et al., "Sampling-bias-corrected neural modeling for large corpus item recommendations", RecSys 2019, § 3)
class NegativeSampler {
 public:
  /// `counts` as training_counts gives them: unknown and missing are never drawn. Throws Error (usage) where there is no item to draw.
  NegativeSampler(const NegativeOptions& options, std::span<const uint64_t> counts, uint64_t seed);

  /// Fills `out`, at most 16,384 places, for one position (a place of a sequence, or 0) of row number `row`. `round` is the epoch or the step, up to
  /// 2^32. `own`: the row's own positives, ascending, which are left out; −1 stands where nothing else can be drawn.
  void draw(uint64_t round, uint64_t row, uint32_t position, std::span<const int32_t> own, std::span<int32_t> out) const;

  /// log of the probability that a draw gives this index; with in_batch, that a row's positive is it: its share of all counts (at least
  /// one count). −∞ for what is never drawn.
  float log_q(int32_t index) const { return log_q_[static_cast<std::size_t>(index)]; }
  void log_q(std::span<const int32_t> indices, std::span<float> out) const;

 private:
  int32_t draw_one(uint64_t random) const;

  std::string method_;
  uint64_t seed_;
  uint64_t items_;                    ///< values of the vocabulary
  std::optional<AliasTable> table_;   ///< popularity
  std::vector<float> log_q_;
};

/// Marks accidental hits among in-batch negatives: out[i·n + j] is 1 where row j's positive is row i's own too, so it is no negative of it (the
/// diagonal is 0: that is the positive itself). `positives` [n].
void mark_in_batch_hits(std::span<const int32_t> positives, std::span<uint8_t> out);

}  // namespace cohort::datasets
