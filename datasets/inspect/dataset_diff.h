// What two datasets have in common and where they differ.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "datasets/store/identity.h"

namespace cohort::datasets {

struct ColumnDiff {
  enum class Content { kEqual, kDifferent, kIncomparable };
  std::string name;
  struct Change {
    std::string key;  ///< as in the manifest: kind, dtype, classes …
    nlohmann::ordered_json a, b;
  };
  std::vector<Change> changes;
  uint64_t values_added = 0, values_removed = 0;             ///< of the dictionary
  std::vector<std::string> first_added, first_removed;       ///< the first of them, in the dictionary's order
  Content content = Content::kEqual;                         ///< of the rows that both have
  uint64_t differing_rows = 0;
  std::vector<uint64_t> first_differing;                     ///< positions in the dataset
};

struct DatasetDiff {
  bool equal = false;  ///< the same identity
  std::string identity_a, identity_b;
  uint64_t rows_a = 0, rows_b = 0;
  PartRows parts_a, parts_b;
  std::vector<std::string> columns_added, columns_removed;  ///< in b alone, in a alone
  bool order_changed = false;                               ///< of the columns that both have
  std::vector<ColumnDiff> columns;                          ///< that both have, in a's order; the row numbers, `row`, last
  uint64_t shards_a = 0, shards_b = 0, shards_shared = 0;   ///< shared: equal SHA-256
};

/// Columns whose content hashes agree are not read; of the others, rows in shards that both have at the same place are not. Memory as of a few chunks
/// of rows and the dictionaries. Where the numbers of rows differ, the rows that both have are compared, from the first on; values of dictionaries
/// as values, not as codes. Throws Error as Dataset::open does, damaged for a shard that can't be read.
DatasetDiff diff_datasets(const std::filesystem::path& a, const std::filesystem::path& b);

nlohmann::ordered_json to_json(const DatasetDiff& diff);
std::string to_text(const DatasetDiff& diff);

}  // namespace cohort::datasets
