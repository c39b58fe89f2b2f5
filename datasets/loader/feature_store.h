// Random access to transformed rows in bounded memory.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "datasets/features/features.h"
#include "datasets/loader/chunk_cache.h"
#include "datasets/loader/loader_options.h"
#include "datasets/loader/memory_meter.h"
#include "datasets/loader/memory_source.h"
#include "datasets/loader/row_batch.h"
#include "datasets/loader/row_chunks.h"
#include "datasets/loader/sequence_view.h"
#include "datasets/store/dataset.h"

namespace cohort::datasets {

/// Chunks are read and transformed at their first use. With loader.shuffle = "full" they are kept: in memory up to loader.memory_mib, beyond it
/// in an unnamed file from which single rows are read; where that file can't be written, such chunks are read anew each time, and a warning
/// says so. With "block" they are kept while a loader holds them and as long as there is room. Thread-safe.
class FeatureStore {
 public:
  /// `batches`: where the memory of batches comes from; null for plain memory. Throws Error (usage) when a column that the features or targets
  /// name is absent or of another kind.
  FeatureStore(const Dataset& dataset, const FittedFeatures& features, Targets targets, const LoaderOptions& options,
               std::shared_ptr<MemorySource> batches = nullptr);
  ~FeatureStore();
  /// The stored rows named, in that order. Throws Error (damaged).
  RowBatch gather(std::span<const uint64_t> rows, const SequenceView& view = {}) const;
  int64_t dense_width() const;
  int64_t categorical_count() const;

  /// Bytes that a batch of so many rows takes.
  uint64_t batch_bytes(uint64_t rows) const;
  /// For a loader that knows what comes next.
  ChunkCache& chunks() const;
  MemoryMeter& memory() const;
  /// Bytes that went to the file.
  uint64_t spilled() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cohort::datasets
