// Reads ranges of stored arrays without HDF5: chunks are found through the manifest, decoded, and checked against their hashes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "datasets/store/chunk_codec.h"
#include "datasets/store/stored_file.h"

namespace cohort::datasets {

/// Keeps the last chunk of each array, so that a walk in small steps decodes each chunk once. Not thread-safe.
class ArrayReader {
 public:
  ArrayReader(std::filesystem::path folder, Filter filter) : folder_(std::move(folder)), filter_(filter) {}

  /// Elements [first, first + count) into `out`. The file's structure is checked at its first use, each chunk whenever it is
  /// decoded. Throws Error (damaged) naming file, array and chunk.
  void read(const StoredFile& file, const StoredArray& array, uint64_t first, uint64_t count, std::span<std::byte> out);

  /// Rows [first, first + count) of a pair of `offsets` and `values` arrays: each row's end is appended to `ends`, counted on from its last
  /// entry (or 0). `room` is asked for the memory of that many values.
  void read_ragged(const StoredFile& file, const StoredArray& offsets, const StoredArray& values, uint64_t first, uint64_t count,
                   std::vector<int64_t>& ends, const std::function<std::span<std::byte>(std::size_t values)>& room);

  /// Values [first, first + count) of a pair of `offsets` and `values` arrays, appended to `out`.
  void read_texts(const StoredFile& file, const StoredArray& offsets, const StoredArray& values, uint64_t first, uint64_t count,
                  std::vector<std::string>& out);

  /// Reads every chunk of an array, for verification.
  void check(const StoredFile& file, const StoredArray& array);

 private:
  struct Chunk {
    const StoredArray* array = nullptr;
    uint64_t number = 0;
    std::vector<std::byte> values;
  };
  const std::vector<std::byte>& chunk(const StoredFile& file, const StoredArray& array, uint64_t number);
  void check_structure(const StoredFile& file);

  std::filesystem::path folder_;
  Filter filter_;
  std::map<std::string, Chunk> last_;  ///< by array name
  std::map<std::string, bool> checked_;
};

}  // namespace cohort::datasets
