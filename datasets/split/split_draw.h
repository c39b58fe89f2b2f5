// Drawing rows: keyed hashes of ids, and exact shares within strata.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/split/part_map.h"
#include "datasets/split/strata.h"
#include "datasets/store/dataset.h"

namespace cohort::datasets {

/// A number in [0, 1) keyed by (seed, purpose) and an id's bytes.
class HashShare {
 public:
  HashShare(uint64_t seed, std::string_view purpose);
  double operator()(std::string_view id) const;

 private:
  uint64_t key_;
};

/// Calls use(stored row, id) for each row in order: the bytes that stand for its id. Integers by their eight bytes, little-endian. Throws Error
/// (usage) for a column that can't be an id. Memory: one stretch of the column.
void each_id(const Dataset& dataset, const Column& column, const std::function<void(uint64_t row, std::string_view id)>& use);

/// Which part a row gets by its place among the rows of its stratum, shuffled.
class DealingRule {
 public:
  virtual ~DealingRule() = default;
  /// Told once, before the questions: the rows of each stratum.
  virtual void begin(std::span<const uint64_t> rows) = 0;
  virtual Part part(std::size_t stratum, uint64_t place) const = 0;
  /// Whether the places [first, last) of a stratum get one part; first < last. May say no where it is hard to tell.
  virtual bool alike(std::size_t stratum, uint64_t first, uint64_t last) const = 0;
};

/// Gives the rows of `parts` that are kTrain their part by `rule`. The rows of a stratum are ordered by a key of (seed, purpose, row number), ties by row
/// number. Keys are computed again whenever they are needed: a first pass counts them in bins, a second one gives whole bins their part and keeps
/// only the rows of bins in which the part changes, to sort these. Where the rule changes its mind everywhere (folds), bins are taken in up to 17 passes.
/// Memory: 1.5 bytes a row or 24 MiB, whatever is more, and 12 MiB.
void deal(const Dataset& dataset, const Strata& strata, uint64_t seed, std::string_view purpose, DealingRule& rule, std::vector<Part>& parts);

/// Of n rows a share p, rounded half up.
uint64_t rounded_share(uint64_t n, double p);

}  // namespace cohort::datasets
