// Files and folders that are whole or absent: written beside, synced, renamed. The rename is the only commit point.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace cohort::core {

/// Writes `bytes` to `path` durably: temporary file in the same folder, fsync, rename, fsync of the folder. Throws
/// Error (failed) with a remedy on a full disk or missing rights; then nothing is left behind.
void write_file_durably(const std::filesystem::path& path, std::string_view bytes);

/// A new file that is written from its beginning to its end. Local; errors are those of write_file_durably().
class NewFile {
 public:
  /// Throws Error (failed) where the file exists already.
  explicit NewFile(std::filesystem::path path);
  ~NewFile();  ///< closes; what was written stays
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  void write(std::span<const std::byte> bytes);
  /// Nothing follows; returns when all is on disk. The folder's entry isn't synced.
  void finish();

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  uint64_t written_ = 0, flushing_ = 0;
};

/// Reads a whole file; throws Error (usage when absent, failed otherwise).
std::string read_file(const std::filesystem::path& path);

/// fsync of a file or folder; throws Error (failed).
void sync_path(const std::filesystem::path& path);

/// Lets the system begin to write a file to disk, so that a later fsync waits less. Neither waits nor fails.
void begin_sync(const std::filesystem::path& path);

/// A folder under construction beside its target: `<parent>/.tmp-<name>-<pid>-<random>`. Destroyed without commit() it
/// is removed with all that is in it. Local.
class StagedFolder {
 public:
  /// Creates missing parents. Throws Error (usage) when `target` exists already, Error (failed) without rights.
  explicit StagedFolder(std::filesystem::path target);
  ~StagedFolder();
  StagedFolder(const StagedFolder&) = delete;
  StagedFolder& operator=(const StagedFolder&) = delete;

  const std::filesystem::path& path() const { return staging_; }
  /// Syncs every file and folder inside, renames the whole to the target, syncs the parent.
  void commit();
  /// Leaves the folder to its fate: another process (rank 0) commits it.
  void release();

 private:
  std::filesystem::path target_;
  std::filesystem::path staging_;
  bool done_ = false;
};

/// Hex SHA-256.
std::string sha256_hex(std::string_view bytes);
std::string sha256_file(const std::filesystem::path& path);

/// Incremental SHA-256.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(const void* data, std::size_t bytes);
  std::string hex();  ///< ends the computation

 private:
  void* context_;
};

}  // namespace cohort::core
