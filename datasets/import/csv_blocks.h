// Reads a CSV file in blocks of whole records.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/import/csv_format.h"
#include "datasets/io/byte_source.h"

namespace cohort::datasets {

/// A share of a file: the records that start in [begin, end). Every record of a file is in exactly one of ranges that follow each other.
struct CsvRange {
  uint64_t begin = 0;
  uint64_t end = UINT64_MAX;  ///< may lie beyond the end of the file
  uint64_t first_line = 0;    ///< line ends before `begin`
  bool in_quotes = false;     ///< an odd number of quotes stands before `begin`
  bool whole() const { return begin == 0 && end == UINT64_MAX; }
};

/// What a range has to know of the bytes before it.
struct CsvMarks {
  uint64_t line_ends = 0;
  uint64_t quotes = 0;
};

/// Of the bytes [begin, end) of a plain file (plain_size() gives its size), at about the speed of reading memory.
CsvMarks count_marks(const std::filesystem::path& path, const CsvFormat& format, uint64_t begin, uint64_t end);

/// The ranges between `bounds`, which ascend from 0, given the marks of each; the last one goes on to the file's end.
std::vector<CsvRange> ranges_between(const std::vector<uint64_t>& bounds, const std::vector<CsvMarks>& marks);

/// Bytes are decompressed, a UTF-8 byte order mark is dropped, ISO-8859-1 becomes UTF-8. Records are cut at line ends outside
/// quotes. With blocks of 1 MiB or more a thread reads ahead. Memory: one block and 4 MiB, or the longest record up to a limit.
class CsvBlockReader {
 public:
  CsvBlockReader(std::filesystem::path path, const CsvFormat& format, std::size_t block_bytes = kBlockBytes);
  /// Only plain files have ranges other than the whole.
  CsvBlockReader(std::filesystem::path path, const CsvFormat& format, const CsvRange& range, std::size_t block_bytes = kBlockBytes);

  /// Whole records; only the file's last block may end without a line end or inside quotes. False at the end. Throws Error
  /// (usage) for UTF-16 and for a record beyond any reason. `text` is overwritten: one that has held a block before spares the
  /// allocation and clearing of a new one.
  bool next(std::string& text);

  const std::filesystem::path& path() const { return path_; }
  /// Line ends before the first record; known after the first next().
  uint64_t first_line() const { return range_.first_line; }
  /// Of the file as it lies on disk, where the range is whole; valid at the end.
  std::string sha256() { return source_->sha256(); }
  uint64_t stored_bytes() const { return source_->stored_bytes(); }

  static constexpr std::size_t kBlockBytes = 4 << 20;
  static constexpr std::size_t kMaxRecordBytes = 256 << 20;

 private:
  void fill(std::string& text, std::size_t bytes);
  void skip_begun_record(std::string& text);
  std::size_t drop_byte_order_mark(std::string& text) const;
  std::size_t complete_last(std::string& text);
  bool at_end() const { return ended_ || offset_ >= range_.end; }

  std::filesystem::path path_;
  CsvFormat format_;
  CsvRange range_;
  std::size_t block_bytes_;
  std::unique_ptr<ByteSource> source_;
  uint64_t offset_ = 0;  ///< in the decompressed file, of the next byte to be read
  std::string carry_;    ///< read and not handed out: the start of a record
  bool started_ = false, ended_ = false, finished_ = false;
};

}  // namespace cohort::datasets
