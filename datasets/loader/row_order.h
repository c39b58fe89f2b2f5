// Which rows each lane takes at each step: computed from the position, never stored.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "datasets/loader/chunk_grid.h"
#include "datasets/loader/loader_options.h"
#include "datasets/split/split.h"
#include "datasets/store/dataset.h"

namespace cohort::datasets {

/// The slice of a global batch that a lane takes: rows [begin, end) of `rows`, cut by row count.
struct Slice { uint64_t begin = 0, end = 0; };
inline Slice lane_slice(uint64_t rows, int64_t lane, int64_t lanes) {
  return {rows * static_cast<uint64_t>(lane) / static_cast<uint64_t>(lanes),
          rows * static_cast<uint64_t>(lane + 1) / static_cast<uint64_t>(lanes)};
}

/// How an epoch is cut: steps of global_batch rows, the last one short, and each step over the lanes.
struct EpochShape {
  uint64_t rows = 0;          ///< positions of an epoch
  uint64_t global_batch = 1;
  int64_t lanes = 1;

  uint64_t steps() const { return (rows + global_batch - 1) / global_batch; }
  /// Rows of step `step` of an epoch.
  uint64_t rows_of(uint64_t step) const { return step + 1 < steps() ? global_batch : rows - step * global_batch; }
  /// What a lane takes of step `step`, counted from the step's first row.
  Slice slice(uint64_t step, int64_t lane) const { return lane_slice(rows_of(step), lane, lanes); }
};

/// The order of one epoch. Read-only once made, so any number of threads may ask.
class EpochOrder {
 public:
  virtual ~EpochOrder() = default;
  /// Appends the stored rows that a lane takes at a step (counted from the epoch's start), in order.
  virtual void lane_rows(uint64_t step, int64_t lane, std::vector<uint64_t>& rows) const = 0;

  /// Chunks from which a lane takes its rows for some steps.
  struct Window {
    uint64_t first_step = 0, last_step = 0;  ///< of the epoch, both included; the next window may begin at the same step
    std::vector<uint32_t> chunks;
  };
  /// A lane's windows in order, where the order goes through the data window by window; none where rows come from anywhere.
  virtual std::vector<Window> windows(int64_t) const { return {}; }
};

/// A chunk that holds training rows: those numbered [first, first + rows) of the training part.
struct TrainingChunk {
  uint32_t chunk = 0;
  uint64_t first = 0, rows = 0;
};
std::vector<TrainingChunk> training_chunks(const ChunkGrid& grid, const PartMap& parts);

/// The orders of all epochs, as the experiment chose them. The position in the data is one number, the step; whoever asks for a lane of a
/// step gets the same rows, whatever was asked before and by how many ranks.
class RowOrder {
 public:
  RowOrder(const EpochShape& shape, std::vector<TrainingChunk> chunks) : shape_(shape), chunks_(std::move(chunks)) {}
  virtual ~RowOrder() = default;
  const EpochShape& shape() const { return shape_; }
  /// All chunks from which rows come.
  const std::vector<TrainingChunk>& chunks() const { return chunks_; }
  /// Whether an epoch takes every training row exactly once.
  virtual bool takes_each_row_once() const { return true; }
  /// The order must outlive it.
  virtual std::unique_ptr<const EpochOrder> epoch(uint64_t epoch) const = 0;
  /// Memory held, that of two epochs included.
  virtual uint64_t bytes() const { return chunks_.size() * sizeof(TrainingChunk); }

 private:
  EpochShape shape_;
  std::vector<TrainingChunk> chunks_;
};

/// One keyed permutation of all training rows for each epoch. The parts must outlive it.
std::unique_ptr<const RowOrder> make_full_order(const EpochShape& shape, std::vector<TrainingChunk> chunks, const PartMap& parts, uint64_t seed);

/// The order that the options name. `label` is the label's column, "" for none. The split must outlive it. Throws Error (usage): no training rows; a
/// sampling column that is absent, of another kind, or without a row to draw.
std::unique_ptr<const RowOrder> make_row_order(const Dataset& dataset, const Split& split, const LoaderOptions& options, const std::string& label,
                                               uint64_t seed, uint64_t global_batch, int64_t lanes);

}  // namespace cohort::datasets
