// Writes a dataset on all ranks: shards first, each checksummed, the manifest last; the folder appears by one rename.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/comm/communicator.h"
#include "core/durable_file.h"
#include "core/folder_claim.h"
#include "datasets/io/worker_pool.h"
#include "datasets/store/identity.h"
#include "datasets/store/row_block.h"

namespace cohort::datasets {

struct Manifest;

struct StoreOptions {
  uint64_t rows_per_shard = 1'000'000;  ///< 0: chosen, a sixteenth of the values, but 16 to 256 MiB
  uint64_t chunk_rows = 16384;          ///< 0: chosen, 16384, or 65536 beyond 50 million rows
  std::string filter = "deflate";       ///< none, deflate (shuffle + deflate 1), zstd; auto: deflate where it saves a tenth of the first rows
  int threads = 0;                      ///< that encode chunks; 0: one a core. The files don't depend on it.
};

/// The folder under construction, known to all ranks. Destroyed without commit it is removed; left by ranks that were killed, it is removed
/// by the next dataset of the same name.
class StagedDataset {
 public:
  /// Collective. Throws Error (usage) on all ranks when `folder` exists.
  StagedDataset(core::Communicator& comm, const std::filesystem::path& folder);
  const std::filesystem::path& path() const { return path_; }
  /// Rank 0 alone.
  void commit() { folder_->commit(); }

 private:
  std::unique_ptr<core::StagedFolder> folder_;  ///< rank 0's
  core::FolderClaim claim_;                     ///< every rank's: rank 0 may die before the others
  std::filesystem::path path_;
};

/// What a dataset is to hold.
struct DatasetContent {
  Schema schema;  ///< dictionaries included, without counts of missing values; equal on all ranks
  PartRows parts;
  /// Fills a block with rows first … first + count − 1 (positions in the dataset, all of one shard), in place of what it held. Called from
  /// several threads at once; the same for the same rows on any rank.
  std::function<void(uint64_t first, uint64_t count, RowBlock& block)> fill;
  nlohmann::ordered_json source;                           ///< into the manifest: inputs, options, counts; rank 0's
  std::vector<std::pair<std::string, std::string>> files;  ///< small files beside the shards: name, text; rank 0's
  std::function<void(uint64_t rows)> progress;             ///< rows that this rank has written; may be empty
  /// Shards of another dataset that this one goes on from, already linked into the folder, and its columns' content hashes; its rows come
  /// first, and `fill` is asked for the rows after them alone. Null where there is none.
  const Manifest* base = nullptr;
};

/// Collective. Shards are dealt out to the ranks; what is in them, and their bytes, depends neither on ranks nor on threads. Returns the
/// content hash. Throws Error (failed) on a full disk; then nothing is left behind.
std::string write_dataset(core::Communicator& comm, StagedDataset& staged, DatasetContent content, StoreOptions options, WorkerPool& pool);

/// Throws Error (usage) for a name that can't be part of a file name.
void check_part_name(const std::string& part);

}  // namespace cohort::datasets
