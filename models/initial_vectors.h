// Tables that start from given vectors: rows of a file are found by the value they stand for, so that their order doesn't matter.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/options.h"
#include "datasets/features/features.h"

namespace cohort::models {

/// One `[[embeddings.initial]]` table.
struct InitialVectorsOptions {
  std::string table;
  std::string file;
  std::string tensor;
  std::string names;
  static void describe(core::Describe<InitialVectorsOptions>& d);
};

/// A matrix of vectors in a file: .npy (float16, float32, float64) or safetensors (F16, BF16, F32, F64), told apart by their first bytes. The file is
/// mapped: what isn't read costs nothing. It must not be changed while the object lives. Reading may be done from several threads.
class VectorFile {
 public:
  /// `tensor` names a safetensors entry; it may be empty where the file has one matrix alone. Throws Error: usage for what is no matrix
  /// of floats, a tensor that isn't there (with those that are), a file of another order of bytes or axes; damaged for broken files; failed for
  /// unreadable ones.
  explicit VectorFile(const std::filesystem::path& path, const std::string& tensor = {});
  ~VectorFile();
  VectorFile(VectorFile&&) noexcept;

  int64_t rows() const;
  int64_t dim() const;
  /// Columns [first_column, first_column + out.size()) of a row, rounded to float32. Throws Error (usage) for a value that isn't finite, naming the row.
  void read(int64_t row, int64_t first_column, std::span<float> out) const;
  /// For messages: path, and the tensor where one was named.
  const std::string& origin() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// What each row of a vector file stands for, in order: a JSON list of texts or integers (.json), a .npy array of texts or integers, or else a text file with
/// one name a line (UTF-8; an ending carriage return is no part of it). Integers become decimal text. Throws Error: damaged, failed.
std::vector<std::string> read_vector_names(const std::filesystem::path& path);

/// The value of each index of a feature: "" for unknown and missing (indices 0 and 1), then its values, int64 ones in decimal. No value is "".
std::vector<std::string> values_of_indices(const datasets::CategoricalFeature& feature);

/// Which row of a file each index of a table starts from.
struct VectorMatch {
  std::vector<int64_t> source;  ///< per index; −1: none
  int64_t matched = 0;          ///< indices that have one
  int64_t values = 0;           ///< indices that stand for a value
};

/// Pure. names[i] is the value of row i of the file, values[k] that of index k; equal bytes match. Names that no index has are left out; a value that the
/// names hold twice throws Error (usage).
VectorMatch match_vectors(const std::vector<std::string>& names, const std::vector<std::string>& values);

/// A table's initial rows.
class InitialVectors {
 public:
  /// `values`: as values_of_indices gives; `rows`, `dim`: of the table, which may have more rows than values. Throws Error (usage) where the file's
  /// width isn't the table's, names and rows differ in number, there are more values than rows, or not one value has a vector.
  InitialVectors(const InitialVectorsOptions& options, const std::vector<std::string>& values, int64_t rows, int64_t dim);

  const VectorMatch& match() const { return match_; }
  /// "2381 of 2500 values of 'item' start from items.npy, which has 10000 rows".
  std::string report() const;
  /// Local; overwrites, of the table's rows [first_row, first_row + rows) and columns [first_column, first_column + columns), those rows that have a vector.
  /// `out` is that part, row-major, `stride` floats from row to row. The result doesn't depend on how a table is cut.
  void copy(int64_t first_row, int64_t rows, int64_t first_column, int64_t columns, float* out, int64_t stride) const;

 private:
  std::string table_;
  VectorFile file_;
  VectorMatch match_;
};

}  // namespace cohort::models
