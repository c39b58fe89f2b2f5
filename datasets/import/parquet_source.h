// Parquet files, read through Apache Arrow: pyarrow in a Python interpreter of its own, which decodes while this process works on what came
// before. So the program needs no Arrow to be built or to start, any version of it will do, and a file that makes it crash ends in a message.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/python.h"

namespace cohort::datasets {

enum class ParquetType : uint8_t {
  kInt64,        ///< whole numbers of all widths but uint64, and true and false as 1 and 0
  kUInt64,
  kFloat32,      ///< and half
  kFloat64,
  kTime,         ///< seconds since 1970 UTC, fractions cut off towards the past; a time without a zone is UTC
  kText,         ///< strings and bytes as they are (nobody has checked for UTF-8); decimals and times of day as text, exactly
  kNull,         ///< a column without any value
  kUnsupported,  ///< maps, lists of lists or of structs, durations and the like
};

struct ParquetColumn {
  std::string name;  ///< members of structs as a.b
  ParquetType type = ParquetType::kUnsupported;
  bool list = false;   ///< each row holds a list of `type`
  std::string stored;  ///< Arrow's name of its type, for messages
};

struct ParquetFile {
  std::filesystem::path path;
  uint64_t rows = 0;
  std::vector<uint64_t> row_groups;  ///< their rows; reading begins at the start of one, so parts of a file are best cut there
  std::vector<ParquetColumn> columns;

  /// Throws Error (usage) with "did you mean" where there is none, or it can't be imported.
  std::size_t column(const std::string& name) const;
};

/// One column of a batch. Its elements are the rows', or those of all rows' lists one after another.
struct ParquetValues {
  std::vector<int64_t> integers;   ///< kInt64, kTime, and kUInt64 by bits
  std::vector<float> floats;       ///< kFloat32; NaN where there is none
  std::vector<double> doubles;     ///< kFloat64; likewise
  std::string text;                ///< kText: of its elements, or of the dictionary's entries where there is one
  std::vector<int64_t> text_ends;
  std::vector<int32_t> indices;    ///< elements as entries of the dictionary, which may differ from batch to batch
  bool dictionary = false;
  std::vector<uint8_t> valid;      ///< 0: the element is null; empty: none is
  std::vector<int64_t> ends;       ///< list: where each row's elements end, counted from the batch's start; a null list has none

  bool is_null(std::size_t element) const { return !valid.empty() && valid[element] == 0; }
  /// kText: entry `i` of the dictionary, or element `i` where there is none.
  std::string_view entry(std::size_t i) const {
    const auto begin = static_cast<std::size_t>(i == 0 ? 0 : text_ends[i - 1]);
    return std::string_view(text).substr(begin, static_cast<std::size_t>(text_ends[i]) - begin);
  }
  std::string_view text_of(std::size_t element) const {
    return entry(dictionary ? static_cast<std::size_t>(indices[element]) : element);
  }
};

struct ParquetBatch {
  uint64_t first = 0;  ///< position of its first row in the file
  uint64_t rows = 0;
  std::vector<ParquetValues> columns;  ///< those asked for, in that order
};

/// Owns the interpreter, which takes some 0.3 s to start and then reads any number of files, one after another. One thread at a time.
class ParquetSource {
 public:
  /// Takes the first interpreter that has pyarrow. `threads`: Arrow's own, that decode columns side by side. Throws Error (failed) with the remedy
  /// where there is none.
  explicit ParquetSource(int threads = 1, const std::vector<std::string>& interpreters = core::python_interpreters());
  ~ParquetSource();
  ParquetSource(const ParquetSource&) = delete;
  ParquetSource& operator=(const ParquetSource&) = delete;

  const std::string& arrow_version() const;
  const std::string& python() const;

  /// Opens a file in place of the one before. Throws Error: usage where there is none, failed without rights, damaged where it is no Parquet.
  const ParquetFile& open(const std::filesystem::path& path);
  /// Begins to read columns (none of them kUnsupported) of rows first … first + rows − 1, in batches of at most `batch` rows. Memory: a batch here;
  /// there a batch, and of each column the pages at hand.
  void read(const std::vector<std::size_t>& columns, uint64_t first, uint64_t rows, uint64_t batch = 65'536);
  /// The next batch in place of what `batch` held; false after the last. Throws Error (damaged) naming the file.
  bool next(ParquetBatch& batch);

 private:
  void give_up_reading();

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// What of pyarrow is to be had, for `cohort doctor`: its version and interpreter; empty where there is none.
struct ParquetSupport {
  std::string version, python, remedy;
};
ParquetSupport parquet_support();

/// An element as the text that a CSV file would hold: the shortest that reads back exactly; times as 2024-02-29T12:00:00Z; "" for null and NaN.
/// `scratch` holds what isn't text already.
std::string_view cell_text(ParquetType type, const ParquetValues& values, std::size_t element, std::string& scratch);

}  // namespace cohort::datasets
