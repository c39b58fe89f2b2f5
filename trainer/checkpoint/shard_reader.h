// The values of one shard's file, verified piece by piece.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "trainer/checkpoint/format.h"

namespace cohort::trainer {

/// One thread at a time.
class ShardReader {
 public:
  /// Opens the file and verifies its length and header. Throws Error (damaged).
  ShardReader(std::filesystem::path path, const ShardIndex& index);
  ~ShardReader();
  ShardReader(const ShardReader&) = delete;
  ShardReader& operator=(const ShardReader&) = delete;

  /// Copies the rectangle `wanted` (of the whole tensor, within the part) to `to`, whose rows are `stride` floats apart.
  void read(const StoredPart& part, const Rectangle& wanted, float* to, int64_t stride);

 private:
  void load(const StoredPart& part, std::size_t number);
  void read_at(uint64_t offset, std::span<std::byte> bytes) const;
  void copy(const StoredPart& part, uint64_t begin, std::span<std::byte> to);

  std::filesystem::path path_;
  int descriptor_ = -1;
  const StoredPart* loaded_ = nullptr;  ///< whose piece `number_` lies in `buffer_`
  std::size_t number_ = 0;
  std::vector<std::byte> buffer_;
};

}  // namespace cohort::trainer
