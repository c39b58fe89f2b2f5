// Transformed rows as records, a chunk at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "datasets/features/features.h"
#include "datasets/loader/chunk_grid.h"
#include "datasets/loader/chunk_memory.h"
#include "datasets/store/dataset.h"

namespace cohort::datasets {

/// One row: its number, label, weight, indices and features side by side, so that fetching a row touches few cache lines; and where its
/// sequences are.
struct RecordLayout {
  static constexpr std::size_t kRow = 0, kLabel = 8, kWeight = 12, kIds = 16;
  std::size_t ids = 0;        ///< C
  std::size_t dense = 0;      ///< F
  std::size_t sequences = 0;  ///< S
  std::size_t dense_at() const { return kIds + 4 * ids; }
  std::size_t sequences_at() const { return dense_at() + 4 * dense; }
  std::size_t padding_at() const { return sequences_at() + sizeof(SequencePlace) * sequences; }
  std::size_t bytes() const { return (padding_at() + 7) / 8 * 8; }

  /// In words of four bytes from the end of the chunk's records; times take two words each, other elements one.
  struct SequencePlace {
    uint32_t begin = 0;
    uint32_t elements = 0;
  };
};

/// What a loader reads besides the features.
struct Targets {
  std::string label;   ///< "" for none: labels are 0
  std::string weight;  ///< "" for none: weights are 1
};

/// A chunk's records, one after another, and then the elements of its sequences.
struct LoadedChunk {
  std::shared_ptr<std::byte> bytes;
  std::size_t size = 0;
};

/// Reads chunks and transforms them. Thread-safe: each loading thread takes a reader of its own.
class ChunkReader {
 public:
  ChunkReader(const Dataset& dataset, const FittedFeatures& features, Targets targets);
  ~ChunkReader();

  const RecordLayout& layout() const { return layout_; }
  const FittedFeatures& features() const { return features_; }
  const ChunkGrid& grid() const { return grid_; }
  /// Bytes that a chunk is expected to take: of sequences the mean length is known.
  std::size_t estimate(std::size_t chunk) const { return estimate_of(grid_.range(chunk).rows); }
  /// Bytes of the largest.
  std::size_t largest() const { return estimate_of(grid_.most_rows()); }
  /// Mean bytes of a row's sequences.
  double sequence_bytes() const { return sequence_bytes_; }
  /// Memory of the tables.
  std::size_t bytes() const;
  LoadedChunk load(std::size_t chunk) const;

 private:
  using ChunkRange = ChunkGrid::Range;
  /// Elements of a chunk's sequences and where each row's are: [rows, S].
  struct Sequences {
    std::vector<RecordLayout::SequencePlace> places;
    std::vector<uint32_t> words;
  };
  std::size_t estimate_of(uint64_t rows) const {
    return rows * layout_.bytes() + static_cast<std::size_t>(static_cast<double>(rows) * sequence_bytes_ * 1.25);
  }
  void prepare_sequences(const Dataset& dataset);
  Sequences read_sequences(const Dataset& dataset, const ChunkRange& range) const;
  template <class T, class Convert>
  void add_sequence(const Dataset& dataset, const ChunkRange& range, std::size_t number, Sequences& out, Convert convert) const;
  void fill(const Dataset& dataset, const ChunkRange& range, std::byte* records) const;
  void fill_dense(const Dataset& dataset, const ChunkRange& range, std::byte* records) const;
  void fill_ids(const Dataset& dataset, const ChunkRange& range, std::byte* records) const;
  void fill_labels(const Dataset& dataset, const ChunkRange& range, std::byte* records) const;
  std::unique_ptr<Dataset> take() const;

  FittedFeatures features_;
  Targets targets_;
  Schema schema_;  ///< without dictionaries: only their tables are needed
  std::vector<std::vector<int32_t>> tables_;  ///< a categorical feature's index by code
  std::vector<std::vector<int32_t>> sequence_tables_;  ///< likewise, of sequences of categorical elements
  double sequence_bytes_ = 0;
  RecordLayout layout_;
  ChunkGrid grid_;
  std::shared_ptr<ChunkMemory> memory_;
  std::filesystem::path folder_;
  std::string identity_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Dataset>> idle_;
};

}  // namespace cohort::datasets
