// An opened dataset: a folder of HDF5 shards and one `dataset.json` manifest, read-only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "datasets/schema.h"

namespace cohort::datasets {

struct Shard {
  std::string file;  ///< name inside the folder: `<part>-<k>.h5`
  std::string part;  ///< the input part the rows came from ("data", or "train", "test" for separate input files)
  uint64_t rows = 0;
  uint64_t first = 0;  ///< stored position of its first row in the dataset
  uint64_t bytes = 0;
  std::string sha256;
};

/// Sequences of some rows: row i has the elements [ends[i−1], ends[i]) of `values`; the first row's begin at 0.
template <class T>
struct Ragged {
  std::vector<int64_t> ends;
  std::vector<T> values;
};

/// Rows are addressed by their stored position 0 … rows()−1, in shard order. (The `row` column holds each row's position over
/// the inputs, before any drop.) Not thread-safe; cheap to open again in another thread.
class Dataset {
 public:
  /// Reads and checks the manifest, that each shard exists and has its stated size. Throws Error: usage when the folder or
  /// the manifest is absent; damaged, naming the file, when anything disagrees.
  static Dataset open(const std::filesystem::path& folder);
  Dataset(Dataset&&) noexcept;
  Dataset& operator=(Dataset&&) noexcept;
  ~Dataset();

  const std::filesystem::path& folder() const;
  const Schema& schema() const;
  const std::vector<Shard>& shards() const;
  uint64_t rows() const;
  /// Rows of a chunk: the unit of reading; the same in all shards and columns.
  uint64_t chunk_rows() const;
  /// Content hash (hex SHA-256): equal for equal schema and values, whatever the shards and filters.
  const std::string& identity() const;
  /// The whole manifest.
  const nlohmann::json& manifest() const;

  /// Reads rows [first, first + out.size()) of a column; may span shards. Each chunk's checksum is verified at its first use.
  /// Throws Error (damaged) naming the shard. The column's kind and dtype must fit the call:
  void read(const Column& column, uint64_t first, std::span<float> out) const;    ///< dense, label float32, weight
  void read(const Column& column, uint64_t first, std::span<double> out) const;   ///< dense of either dtype
  void read(const Column& column, uint64_t first, std::span<int32_t> out) const;  ///< categorical codes, label classes
  void read(const Column& column, uint64_t first, std::span<int64_t> out) const;  ///< time, id int64
  void read(const Column& column, uint64_t first, std::vector<std::string>& out, uint64_t count) const;  ///< id, text
  /// Sequences: codes (categorical elements), dense elements of float32 or of float64, times. What `out` held is replaced.
  void read(const Column& column, uint64_t first, uint64_t count, Ragged<int32_t>& out) const;
  void read(const Column& column, uint64_t first, uint64_t count, Ragged<float>& out) const;
  void read(const Column& column, uint64_t first, uint64_t count, Ragged<double>& out) const;
  void read(const Column& column, uint64_t first, uint64_t count, Ragged<int64_t>& out) const;
  /// Values that a column holds in all: one a row, or as many as its sequences have elements and its texts bytes.
  uint64_t values(const Column& column) const;
  /// The `row` column.
  void read_row_numbers(uint64_t first, std::span<uint64_t> out) const;

 private:
  Dataset();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cohort::datasets
