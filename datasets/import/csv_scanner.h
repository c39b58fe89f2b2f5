// Cuts the text of whole CSV records into fields (RFC 4180).
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "datasets/import/csv_format.h"

namespace cohort::datasets {

struct CsvField {
  std::string_view text;       ///< without quotes, doubled quotes made single
  const char* start = nullptr;  ///< in the scanned text: for messages
};

/// Something wrong in a text, at a byte of it.
struct CsvProblem {
  std::size_t offset = 0;
  std::string message;
  std::string remedy;
};

/// Line (from 0) and column (characters, from 1) of a byte in a text that starts at the start of a line.
core::Place place_in(std::string_view text, std::size_t offset);

std::size_t count_lines(std::string_view text);

/// Text for messages: quoted, shortened, control characters escaped.
std::string show(std::string_view text);

/// Walks over a text that ends where a record ends. Fields stay valid until the next call. Delimiters, line ends and quotes are
/// found 64 bytes at a time; what lies between them isn't looked at.
class CsvScanner {
 public:
  CsvScanner(std::string_view text, const CsvFormat& format);

  /// The next record into `fields`. False at the end and on a problem.
  bool next(std::vector<CsvField>& fields);
  /// A blank line was the record: no characters at all.
  bool blank() const { return blank_; }
  bool failed() const { return failed_; }
  const CsvProblem& problem() const { return problem_; }
  /// Bytes of the text taken so far.
  std::size_t position() const { return position_; }
  /// Byte at which the record just read starts.
  std::size_t record_start() const { return record_start_; }

 private:
  template <bool several>
  bool next_record(std::vector<CsvField>& fields);
  bool quoted_field(CsvField& field);
  std::size_t next_quote(std::size_t from);
  bool delimiter_at(std::size_t at) const;
  bool fail(std::size_t offset, std::string message, std::string remedy);

  /// Masks of so many bytes are made at a time; they stay in the first-level cache.
  static constexpr std::size_t kWords = 64;
  void load(std::size_t word);
  uint64_t stops_in(std::size_t word) {
    if (word - first_word_ >= kWords) load(word);
    return stops_[word - first_word_];
  }

  std::string_view text_;
  CsvFormat format_;
  std::size_t position_ = 0, record_start_ = 0;
  std::size_t first_word_ = 0;        ///< of the 64 bytes that the first masks stand for
  std::array<uint64_t, kWords> stops_;   ///< delimiters (their first bytes), line ends and quotes
  std::array<uint64_t, kWords> quotes_;
  bool blank_ = false, failed_ = false;
  CsvProblem problem_;
  std::deque<std::string> unescaped_;
};

}  // namespace cohort::datasets
