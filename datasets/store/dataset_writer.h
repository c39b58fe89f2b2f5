// Writes a dataset: shards first, each checksummed, the manifest last; the folder appears by one rename.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "datasets/schema.h"

namespace cohort::datasets {

class WorkerPool;

struct StoreOptions {
  uint64_t rows_per_shard = 1'000'000;
  uint64_t chunk_rows = 16384;
  std::string filter = "deflate";  ///< none, deflate (shuffle + deflate 1), zstd where built in
  int threads = 0;                 ///< that encode chunks; 0: one a core. The files don't depend on it.
};

/// Values of one column for a block of rows; which vector is used follows the column's kind and dtype as in Dataset::read.
struct ColumnBlock {
  std::vector<float> floats;
  std::vector<double> doubles;
  std::vector<int32_t> ints;      ///< categorical codes (provisional, see DatasetWriter::finish), label classes
  std::vector<int64_t> longs;
  std::vector<std::string> strings;
};

/// A block of rows, columns in schema order.
struct RowBlock {
  std::vector<uint64_t> row;  ///< position over the inputs
  std::vector<ColumnBlock> columns;
};

/// Local: one process writes the whole dataset. Destroyed without finish(), nothing is left.
class DatasetWriter {
 public:
  /// Throws Error (usage) when `folder` exists. `source` goes into the manifest (inputs, options, counts).
  /// `pool`, when given, must outlive the writer and is used instead of threads of its own.
  DatasetWriter(std::filesystem::path folder, Schema schema, StoreOptions options, WorkerPool* pool = nullptr);
  ~DatasetWriter();

  /// Rows appended after this belong to `part` and start a new shard.
  void begin_part(const std::string& part);
  /// Where chunks lie in a file follows the blocks; what they hold, and the content hash, do not.
  void append(const RowBlock& block);
  /// Puts a small file of that name beside the shards, listed in the manifest.
  void add_file(const std::string& name, const std::string& text);
  /// Completes dictionaries and label classes (codes written so far are provisional, in order of first appearance:
  /// `recode[c]` maps column c's provisional codes to final ones; empty where the codes are final already), writes the manifest and commits by one rename.
  /// Returns the content hash.
  std::string finish(const Schema& final_schema, const std::vector<std::vector<int32_t>>& recode, nlohmann::ordered_json source);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cohort::datasets
