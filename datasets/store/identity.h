// The content hash of a dataset: what makes two datasets the same, whatever their shards, chunks and filters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "datasets/schema.h"

namespace cohort::datasets {

/// Rows of one part, in stored order; neighbouring stretches of the same part are one.
using PartRows = std::vector<std::pair<std::string, uint64_t>>;

/// XXH3 (128 bits) over each column's little-endian values in stored order. Ragged columns hash their values' lengths (int64)
/// and their bytes as two streams. Fast rather than proof against a forger: that is what the files' SHA-256 is for.
class ContentHasher {
 public:
  explicit ContentHasher(const Schema& schema);
  ~ContentHasher();

  void update(std::size_t column, std::span<const std::byte> values);
  void update_text(std::size_t column, const std::string& value);
  void update_rows(std::span<const uint64_t> rows);
  /// One hash a column in schema order, then that of the row numbers.
  std::vector<std::string> hashes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Hex SHA-256 over the schema (counts of missing values left out), the columns' hashes and the parts.
std::string identity_of(const Schema& schema, const std::vector<std::string>& column_hashes, const PartRows& parts);

}  // namespace cohort::datasets
