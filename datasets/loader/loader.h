// The loader: which rows each step's lanes take, and their features, ready for the net. Keyed O(1) epoch order, transformed chunks
// in bounded memory, batches prefetched on a thread of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/options.h"
#include "datasets/store/dataset.h"
#include "datasets/features/features.h"
#include "datasets/split/split.h"

namespace cohort::datasets {

/// A keyed permutation of 0 … n−1 (Feistel network of six rounds over the next power of two, with cycle walking; Black & Rogaway, "Ciphers
/// with arbitrary finite domains", CT-RSA 2002, § 3), O(1) a position.
class KeyedPermutation {
 public:
  KeyedPermutation(uint64_t n, uint64_t seed, uint64_t epoch);
  uint64_t operator()(uint64_t position) const;

 private:
  uint64_t n_;
  int low_bits_, high_bits_;
  uint64_t keys_[6];
};

/// The slice of a global batch that a lane takes: rows [begin, end) of `rows`, cut by row count.
struct Slice { uint64_t begin = 0, end = 0; };
inline Slice lane_slice(uint64_t rows, int64_t lane, int64_t lanes) {
  return {rows * static_cast<uint64_t>(lane) / static_cast<uint64_t>(lanes),
          rows * static_cast<uint64_t>(lane + 1) / static_cast<uint64_t>(lanes)};
}

/// Features of some rows. Memory is 64-byte aligned and owned by the batch.
struct RowBatch {
  int64_t rows = 0;
  std::vector<uint64_t> row_ids;     ///< `row` values read beside the data
  float* dense = nullptr;            ///< [rows, F]
  int32_t* ids = nullptr;            ///< [rows, C]
  float* labels = nullptr;           ///< [rows]; a class index as a number for multi-class
  float* weights = nullptr;          ///< [rows]; 1 where there is no weight column
  std::shared_ptr<void> memory;      ///< keeps the four alive
};

struct LoaderOptions {
  int64_t memory_mib = 1024;  ///< bound of the rows that a rank keeps in memory
  std::string spill;          ///< folder for rows beyond it; "": $TMPDIR, else /var/tmp
  int64_t prefetch = 2;       ///< steps held ready ahead of the trainer
  static void describe(core::Describe<LoaderOptions>& d);
};

/// What a loader reads besides the features.
struct Targets {
  std::string label;   ///< "" for none: labels are 0
  std::string weight;  ///< "" for none: weights are 1
};

/// Random access to transformed rows. A chunk is read and transformed once, at its first use, and kept: in memory up to a bound, beyond
/// it in an unnamed file from which single rows are read. Where that file can't be written, such chunks are read anew each time, and a
/// warning says so. Thread-safe; two threads asking for the same chunk load it once.
class FeatureStore {
 public:
  /// Throws Error (usage) when a column that the features or targets name is absent or of another kind.
  FeatureStore(const Dataset& dataset, const FittedFeatures& features, Targets targets, const LoaderOptions& options);
  ~FeatureStore();
  /// The stored rows named, in that order. Throws Error (damaged).
  RowBatch gather(std::span<const uint64_t> rows) const;
  int64_t dense_width() const;
  int64_t categorical_count() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Batches of the training split for the lanes [first_lane, last_lane) of this rank, from any step on. A step's rows are
/// positions [step_in_epoch·global_batch, …) of the epoch's order; the last batch of an epoch is short.
class Loader {
 public:
  struct Plan {
    uint64_t seed = 0;
    uint64_t global_batch = 0;
    int64_t lanes = 1, first_lane = 0, last_lane = 1;
    uint64_t first_step = 0;  ///< steps count from 0 over all epochs
    uint64_t last_step = 0;   ///< one past the last
  };
  /// The split must outlive the loader.
  Loader(std::shared_ptr<const FeatureStore> store, const Split& split, Plan plan, const LoaderOptions& options);
  ~Loader();  ///< stops the prefetch thread

  static uint64_t steps_per_epoch(uint64_t rows, uint64_t global_batch) { return (rows + global_batch - 1) / global_batch; }

  struct Step {
    uint64_t step = 0;
    uint64_t epoch = 0;
    uint64_t global_rows = 0;       ///< rows of the whole global batch
    std::vector<RowBatch> lanes;    ///< one a lane of this rank, in lane order; a lane may have no rows
  };
  /// The next step; blocks until it is ready. Throws what the reading thread threw. Called last_step − first_step times at most.
  Step next();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cohort::datasets
