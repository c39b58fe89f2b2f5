// How stored rows fall into chunks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "datasets/store/dataset.h"

namespace cohort::datasets {

/// Chunks are numbered through all shards; each shard begins a new one.
class ChunkGrid {
 public:
  struct Range {
    uint64_t first = 0, rows = 0;
  };
  /// Where a stored row lies.
  struct Place {
    std::size_t chunk = 0;
    uint64_t inside = 0;
  };

  explicit ChunkGrid(const Dataset& dataset);
  /// Shards of so many rows each.
  ChunkGrid(std::span<const uint64_t> shards, uint64_t chunk_rows);

  uint64_t rows() const { return rows_; }
  std::size_t chunks() const { return ranges_.size(); }
  const Range& range(std::size_t chunk) const { return ranges_[chunk]; }
  /// `row` < rows().
  Place place(uint64_t row) const;
  /// Rows of the largest chunk.
  uint64_t most_rows() const { return most_rows_; }

 private:
  struct ShardStart {
    uint64_t first = 0;
    std::size_t chunk = 0;  ///< its first chunk
  };
  uint64_t rows_ = 0, chunk_rows_ = 1, most_rows_ = 0;
  bool even_ = true;  ///< all chunks but the last are full, so that a division finds a row
  std::vector<ShardStart> shards_;
  std::vector<Range> ranges_;
};

}  // namespace cohort::datasets
