// Writes a dataset from rows that come one block after another, in one process.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "datasets/store/dataset_build.h"

namespace cohort::datasets {

/// Local. Rows are kept in a spool inside the folder under construction until finish() writes the shards. Destroyed without it, nothing
/// is left.
class DatasetWriter {
 public:
  /// Throws Error (usage) when `folder` exists.
  DatasetWriter(std::filesystem::path folder, Schema schema, StoreOptions options);
  ~DatasetWriter();

  /// Rows appended after this belong to `part` and start a new shard.
  void begin_part(const std::string& part);
  void append(const RowBlock& block);
  /// Puts a small file of that name beside the shards, listed in the manifest.
  void add_file(const std::string& name, const std::string& text);
  /// Completes dictionaries and label classes (codes written so far are provisional: `recode[c]` maps column c's to final ones; empty
  /// where they are final already), writes the shards and the manifest and commits by one rename. `source` goes into the manifest.
  /// Returns the content hash.
  std::string finish(const Schema& final_schema, const std::vector<std::vector<int32_t>>& recode, nlohmann::ordered_json source);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cohort::datasets
