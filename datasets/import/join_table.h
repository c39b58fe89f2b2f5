// The right side of a left join: a table's rows by their key, on disk.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/comm/communicator.h"
#include "datasets/import/csv_scanner.h"
#include "datasets/import/import_options.h"
#include "datasets/import/text_care.h"
#include "datasets/io/mapped_file.h"

namespace cohort::datasets {

enum class Unmatched : uint8_t { kMissing, kDrop, kFail };

/// Rows and index lie in files that are mapped: what memory they take is the system's cache, however large the table. Looking up is
/// thread-safe.
class JoinTable {
 public:
  /// Collective. Rank 0 reads the table and writes `<base>-rows.tmp` and `<base>-index.tmp`, all ranks map them. `files` are the table's
  /// files (CSV or Parquet), `field` the position of the key among the inputs' columns. Throws Error (usage): a key that stands twice (at its line), a column that isn't there.
  JoinTable(core::Communicator& comm, const JoinOptions& options, const std::vector<std::filesystem::path>& files, std::size_t field,
            const std::filesystem::path& base);
  ~JoinTable();

  /// Names of the columns that the join adds, prefix included.
  const std::vector<std::string>& names() const { return names_; }
  std::size_t field() const { return field_; }
  Unmatched unmatched() const { return unmatched_; }
  /// What the joined texts may hold.
  const TextCare& care() const { return care_; }
  /// Appends the joined fields of the key's row, empty ones where there is none; gives whether there is. An empty key has no partner.
  bool append(const CsvField& key, std::vector<CsvField>& fields) const;

  struct Counts {
    uint64_t rows = 0, duplicates = 0;
    uint64_t used = 0;  ///< rows that some record took
  };
  /// Collective. Over all ranks' look-ups.
  Counts counts(core::Communicator& comm) const;

 private:
  std::vector<std::string> names_;
  std::size_t field_;
  Unmatched unmatched_;
  uint64_t rows_ = 0, duplicates_ = 0;
  TextCare care_;
  std::unique_ptr<MappedFile> data_, index_;
  mutable std::vector<std::atomic<uint64_t>> used_;  ///< a bit a row
};

using Joins = std::vector<std::unique_ptr<JoinTable>>;

/// Names of the columns that a join will add, by the header of its first file; local. Throws Error (usage).
std::vector<std::string> joined_names(const JoinOptions& options, const std::vector<std::filesystem::path>& files);

}  // namespace cohort::datasets
