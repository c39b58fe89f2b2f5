// Reads a CSV file in blocks of whole records.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "datasets/io/byte_source.h"
#include "datasets/import/csv_format.h"

namespace cohort::datasets {

/// Bytes are decompressed, a UTF-8 byte order mark is dropped, ISO-8859-1 becomes UTF-8. Records are cut at line ends outside
/// quotes. Memory: one block, or the longest record up to a limit.
class CsvBlockReader {
 public:
  CsvBlockReader(std::filesystem::path path, const CsvFormat& format, std::size_t block_bytes = kBlockBytes);

  /// Whole records; only the file's last block may end without a line end or inside quotes. False at the end. Throws Error
  /// (usage) for UTF-16 and for a record beyond any reason.
  bool next(std::string& text);

  const std::filesystem::path& path() const { return path_; }
  /// Of the file as it lies on disk; valid at the end.
  std::string sha256() { return source_->sha256(); }
  uint64_t stored_bytes() const { return source_->stored_bytes(); }

  static constexpr std::size_t kBlockBytes = 4 << 20;
  static constexpr std::size_t kMaxRecordBytes = 256 << 20;

 private:
  bool fill(std::size_t bytes);
  std::size_t records_end() const;

  std::filesystem::path path_;
  CsvFormat format_;
  std::size_t block_bytes_;
  std::unique_ptr<ByteSource> source_;
  std::string pending_;  ///< read and not handed out
  bool started_ = false, ended_ = false;
};

}  // namespace cohort::datasets
