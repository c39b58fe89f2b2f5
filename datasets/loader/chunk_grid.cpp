#include "datasets/loader/chunk_grid.h"

#include <algorithm>

namespace cohort::datasets {

namespace {

std::vector<uint64_t> shard_rows(const Dataset& dataset) {
  std::vector<uint64_t> rows;
  for (const Shard& shard : dataset.shards()) rows.push_back(shard.rows);
  return rows;
}

}  // namespace

ChunkGrid::ChunkGrid(const Dataset& dataset) : ChunkGrid(shard_rows(dataset), dataset.chunk_rows()) {}

ChunkGrid::ChunkGrid(std::span<const uint64_t> shards, uint64_t chunk_rows) : chunk_rows_(std::max<uint64_t>(1, chunk_rows)) {
  for (const uint64_t rows : shards) {
    shards_.push_back({rows_, ranges_.size()});
    if (rows_ % chunk_rows_ != 0) even_ = false;
    for (uint64_t inside = 0; inside < rows; inside += chunk_rows_) {
      ranges_.push_back({rows_ + inside, std::min(chunk_rows_, rows - inside)});
      most_rows_ = std::max(most_rows_, ranges_.back().rows);
    }
    rows_ += rows;
  }
}

ChunkGrid::Place ChunkGrid::place(uint64_t row) const {
  if (even_) return {row / chunk_rows_, row % chunk_rows_};
  const auto after = std::upper_bound(shards_.begin(), shards_.end(), row, [](uint64_t r, const ShardStart& s) { return r < s.first; });
  const ShardStart& shard = *(after - 1);
  const uint64_t inside = row - shard.first;
  return {shard.chunk + inside / chunk_rows_, inside % chunk_rows_};
}

}  // namespace cohort::datasets
