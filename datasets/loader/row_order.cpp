#include "datasets/loader/row_order.h"

#include "core/error.h"
#include "datasets/loader/block_order.h"
#include "datasets/loader/permutation.h"
#include "datasets/loader/sampled_order.h"

namespace cohort::datasets {
namespace {

/// One keyed permutation of all rows.
class FullEpoch final : public EpochOrder {
 public:
  FullEpoch(const EpochShape& shape, const PartMap& parts, uint64_t seed, uint64_t epoch)
      : shape_(shape), parts_(parts), permutation_(shape.rows, seed, epoch) {}

  void lane_rows(uint64_t step, int64_t lane, std::vector<uint64_t>& rows) const override {
    const Slice slice = shape_.slice(step, lane);
    const uint64_t start = step * shape_.global_batch;
    for (uint64_t i = slice.begin; i < slice.end; ++i) rows.push_back(parts_.row(Part::kTrain, permutation_(start + i)));
  }

 private:
  EpochShape shape_;
  const PartMap& parts_;
  KeyedPermutation permutation_;
};

class FullOrder final : public RowOrder {
 public:
  FullOrder(const EpochShape& shape, std::vector<TrainingChunk> chunks, const PartMap& parts, uint64_t seed)
      : RowOrder(shape, std::move(chunks)), parts_(parts), seed_(seed) {}
  std::unique_ptr<const EpochOrder> epoch(uint64_t epoch) const override {
    return std::make_unique<FullEpoch>(shape(), parts_, seed_, epoch);
  }

 private:
  const PartMap& parts_;
  uint64_t seed_;
};

}  // namespace

std::vector<TrainingChunk> training_chunks(const ChunkGrid& grid, const PartMap& parts) {
  std::vector<TrainingChunk> chunks;
  uint64_t before = 0;
  for (std::size_t chunk = 0; chunk < grid.chunks(); ++chunk) {
    const ChunkGrid::Range& range = grid.range(chunk);
    const uint64_t end = parts.rank(Part::kTrain, range.first + range.rows);
    if (end > before) chunks.push_back({static_cast<uint32_t>(chunk), before, end - before});
    before = end;
  }
  return chunks;
}

std::unique_ptr<const RowOrder> make_full_order(const EpochShape& shape, std::vector<TrainingChunk> chunks, const PartMap& parts, uint64_t seed) {
  return std::make_unique<FullOrder>(shape, std::move(chunks), parts, seed);
}

std::unique_ptr<const RowOrder> make_row_order(const Dataset& dataset, const Split& split, const LoaderOptions& options, const std::string& label,
                                               uint64_t seed, uint64_t global_batch, int64_t lanes) {
  const EpochShape shape{.rows = split.size(Part::kTrain), .global_batch = global_batch, .lanes = lanes};
  if (shape.rows == 0) throw core::usage_error("the training split has no rows", "check the [split] table");
  if (global_batch == 0 || lanes < 1) throw core::failed_error("an order needs batches and lanes");
  std::vector<TrainingChunk> chunks = training_chunks(ChunkGrid(dataset), split.parts());
  if (options.sampling == "weighted") return make_weighted_order(shape, std::move(chunks), dataset, split.parts(), options.sampling_column, seed);
  if (options.sampling == "stratified") {
    const std::string& column = options.sampling_column.empty() ? label : options.sampling_column;
    if (column.empty()) throw core::usage_error("loader.sampling_column: there is no label to stratify by", "name a label or categorical column");
    return make_stratified_order(shape, std::move(chunks), dataset, split.parts(), column, options.shares, seed);
  }
  if (options.shuffle == "block") return make_block_order(shape, std::move(chunks), split.parts(), static_cast<uint64_t>(options.block_chunks), seed);
  return make_full_order(shape, std::move(chunks), split.parts(), seed);
}

}  // namespace cohort::datasets
