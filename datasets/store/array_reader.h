// Reads ranges of stored arrays without HDF5: chunks are found through the manifest, decoded, and checked against their hashes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "datasets/io/input_file.h"
#include "datasets/store/chunk_codec.h"
#include "datasets/store/stored_file.h"

namespace cohort::datasets {

/// What a read covers of a chunk wholly is decoded straight into the caller's memory. Of each array the last chunk that was read in part
/// is kept, so that a walk in small steps decodes each chunk once; and the last file is kept open. Not thread-safe.
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

 private:
  struct Chunk {
    const StoredArray* array = nullptr;
    uint64_t number = 0;
    std::vector<std::byte> values;
  };
  struct OpenFile {
    std::string name;
    InputFile input;
  };
  void read_chunk(const StoredFile& file, const StoredArray& array, uint64_t number, uint64_t within, std::span<std::byte> out);
  void decode(const StoredFile& file, const StoredArray& array, uint64_t number, std::span<std::byte> raw);
  void check_claim(const StoredFile& file, const StoredArray& array, uint64_t number) const;
  const InputFile& open(const StoredFile& file);

  std::filesystem::path folder_;
  Filter filter_;
  std::map<std::string, Chunk> last_;  ///< by array name
  std::set<std::string> checked_;
  std::optional<OpenFile> open_;
};

}  // namespace cohort::datasets
