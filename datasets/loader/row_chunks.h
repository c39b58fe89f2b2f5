// Transformed rows as records, a chunk at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "datasets/loader/batch_memory.h"
#include "datasets/store/dataset.h"
#include "datasets/loader/loader.h"

namespace cohort::datasets {

/// One row: its number, label, weight, indices and features side by side, so that fetching a row touches few cache lines.
struct RecordLayout {
  static constexpr std::size_t kRow = 0, kLabel = 8, kWeight = 12, kIds = 16;
  std::size_t ids = 0;    ///< C
  std::size_t dense = 0;  ///< F
  std::size_t dense_at() const { return kIds + 4 * ids; }
  std::size_t bytes() const { return (dense_at() + 4 * dense + 7) / 8 * 8; }
};

/// Where a stored row lies.
struct ChunkPlace {
  std::size_t chunk = 0;
  uint64_t inside = 0;
};

/// Reads chunks and transforms them. Thread-safe: each loading thread takes a reader of its own.
class ChunkReader {
 public:
  ChunkReader(const Dataset& dataset, const FittedFeatures& features, Targets targets);
  ~ChunkReader();

  const RecordLayout& layout() const { return layout_; }
  std::size_t chunks() const { return chunks_.size(); }
  uint64_t rows_of(std::size_t chunk) const { return chunks_[chunk].rows; }
  uint64_t rows() const { return rows_; }
  ChunkPlace place(uint64_t row) const;
  /// The chunk's records, one after another.
  AlignedBytes load(std::size_t chunk) const;

 private:
  struct ChunkRange {
    uint64_t first = 0, rows = 0;
  };
  struct ShardRange {
    uint64_t first = 0;
    std::size_t chunk = 0;  ///< its first chunk
  };
  void fill(const Dataset& dataset, const ChunkRange& range, std::byte* records) const;
  void fill_dense(const Dataset& dataset, const ChunkRange& range, std::byte* records) const;
  void fill_ids(const Dataset& dataset, const ChunkRange& range, std::byte* records) const;
  void fill_labels(const Dataset& dataset, const ChunkRange& range, std::byte* records) const;
  std::unique_ptr<Dataset> take() const;

  FittedFeatures features_;
  Targets targets_;
  Schema schema_;  ///< without dictionaries: only their tables are needed
  std::vector<std::vector<int32_t>> tables_;  ///< a categorical feature's index by code
  RecordLayout layout_;
  uint64_t rows_ = 0, chunk_rows_ = 0;
  std::vector<ShardRange> shards_;
  std::vector<ChunkRange> chunks_;
  std::filesystem::path folder_;
  std::string identity_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Dataset>> idle_;
};

}  // namespace cohort::datasets
