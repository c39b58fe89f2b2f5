// Writes one shard: rows with their final codes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "datasets/store/array_writer.h"
#include "datasets/store/content_sum.h"
#include "datasets/store/manifest.h"
#include "datasets/store/row_block.h"

namespace cohort::datasets {

/// `<part>-<k>.h5`
std::string shard_file_name(const std::string& part, uint64_t number);

/// Local, one thread at a time. The same rows in blocks of the same sizes give the same bytes.
class ShardWriter {
 public:
  struct Written {
    Manifest::ShardEntry entry;    ///< not measured yet
    std::vector<ContentSum> sums;  ///< a column each in schema order, that of the row numbers last
    std::vector<uint64_t> missing;  ///< rows without a value, by column
  };

  /// `first` is the stored position of the shard's first row. `shuffled`: by column, as in ChunkCoding. Schema and
  /// pipeline must outlive the writer.
  ShardWriter(const std::filesystem::path& folder, const std::string& part, uint64_t number, const Schema& schema, uint64_t first,
              uint64_t chunk_rows, const std::vector<bool>& shuffled, ChunkPipeline& pipeline);

  /// Throws Error (failed) for a code outside its dictionary.
  void append(const RowBlock& block);
  /// Waits for all chunks and closes the file.
  Written finish();

 private:
  struct Arrays {
    std::size_t values = 0, offsets = 0;
    int64_t end = 0;  ///< of the last row's values in a ragged column
  };
  void append_ragged(std::size_t column, const ColumnBlock& block);

  const Schema& schema_;
  uint64_t first_;
  Written written_;
  Hdf5ArrayFile file_;
  std::size_t row_array_;
  std::vector<Arrays> arrays_;
};

}  // namespace cohort::datasets
