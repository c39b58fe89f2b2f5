// Typed rows on disk between the two passes of an import.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "core/comm/communicator.h"
#include "datasets/io/mapped_file.h"
#include "datasets/io/worker_pool.h"
#include "datasets/store/identity.h"
#include "datasets/store/row_block.h"

namespace cohort::datasets {

/// Where one block of rows lies in a spool's file.
struct SpoolSegment {
  struct Piece {
    uint64_t values = 0;  ///< offset, bytes
    uint64_t size = 0;    ///< bytes of values
    uint64_t ends = 0;    ///< offset of the ends; ragged columns
  };
  std::string part;
  uint64_t rows = 0;
  uint64_t row_numbers = 0;  ///< offset
  std::vector<Piece> columns;
};

/// A file of rows that its rank has written.
struct SpoolFile {
  std::filesystem::path path;
  std::vector<SpoolSegment> segments;
  uint64_t first_record = 0;  ///< added to its row numbers when they are read
  uint64_t rows() const;
};

/// One rank's rows, appended in order, written by worker threads. Local.
class RowSpool {
 public:
  /// Creates the file; throws Error (failed). Schema and pool must outlive the spool.
  RowSpool(std::filesystem::path path, const Schema& schema, WorkerPool& pool);
  ~RowSpool();
  RowSpool(const RowSpool&) = delete;
  RowSpool& operator=(const RowSpool&) = delete;

  /// Codes may be provisional. Throws Error (failed) on a full disk, perhaps that of an earlier block.
  void append(RowBlock block, const std::string& part);
  /// Waits until all is written.
  SpoolFile finish();

 private:
  const Schema& schema_;
  WorkerPool& pool_;
  SpoolFile file_;
  int descriptor_ = -1;
  uint64_t end_ = 0;
  std::deque<std::future<void>> waiting_;
};

/// The rows of all ranks' spools, one file after another. Reading is thread-safe.
class SpooledRows {
 public:
  /// Maps the files. Throws Error (failed).
  SpooledRows(const Schema& schema, std::vector<SpoolFile> files);
  ~SpooledRows();
  SpooledRows(const SpooledRows&) = delete;
  SpooledRows& operator=(const SpooledRows&) = delete;

  uint64_t rows() const { return rows_ - excluded_.size(); }
  uint64_t bytes() const;
  /// Leaves out the rows at these positions, ascending; the others are counted without them from here on. Once.
  void exclude(std::vector<uint64_t> positions);
  const PartRows& parts() const { return parts_; }
  /// What the codes of file `file` become when they are read: tables by column, empty where they stay.
  void recode(std::size_t file, std::vector<std::vector<int32_t>> tables);
  /// Columns of sequences (true) whose elements without a code are left out when rows are read.
  void drop_unknown(std::vector<bool> columns) { drop_unknown_ = std::move(columns); }
  /// Rows [first, first + count), in place of what `out` held.
  void read(uint64_t first, uint64_t count, RowBlock& out) const;
  /// The codes, floats … of one column that is not ragged, recoded.
  void read_column(std::size_t column, uint64_t first, uint64_t count, ColumnBlock& out) const;

 private:
  struct Place {
    uint64_t first = 0;  ///< position of the segment's first row
    std::size_t file = 0;
    const SpoolSegment* segment = nullptr;
  };
  template <class Use>
  void each_piece(uint64_t first, uint64_t count, Use use) const;
  template <class Use>
  void each_stored_piece(uint64_t first, uint64_t count, Use use) const;
  void leave_out_unknown(std::size_t column, ColumnBlock& block) const;
  void take_column(std::size_t column, const Place& place, uint64_t inside, uint64_t count, ColumnBlock& out) const;

  const Schema& schema_;
  std::vector<SpoolFile> files_;
  std::vector<std::unique_ptr<MappedFile>> mapped_;
  std::vector<std::vector<std::vector<int32_t>>> recode_;
  std::vector<Place> places_;
  PartRows parts_;
  uint64_t rows_ = 0;  ///< in the files
  std::vector<uint64_t> excluded_;
  std::vector<bool> drop_unknown_;
};

/// Collective. Every rank's file, known to all; each file's first record is the sum of the `records` of the ranks before.
std::vector<SpoolFile> share_spools(core::Communicator& comm, const SpoolFile& mine, uint64_t records);

}  // namespace cohort::datasets
