// The rows of series one series after another, each in the order of time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "datasets/import/series_index.h"
#include "datasets/io/worker_pool.h"
#include "datasets/store/row_spool.h"

namespace cohort::datasets {

/// One row of a series. Rows of equal times come in the order of the input.
struct SeriesRow {
  int64_t time = 0;
  uint64_t position = 0;          ///< among all rows
  std::span<const float> values;  ///< NaN is missing
};

/// The rows of the series [first, last) of an index. Series whose rows stand together in order are read where they are; the rows of the
/// others are sorted on disk: runs of 2^20 rows, then merged (Knuth, The Art of Computer Programming 3, 5.4). Local; not thread-safe.
class SeriesOrder {
 public:
  /// Sorts. `file` is made for it and gone with the object. Throws Error (failed) on a full disk.
  SeriesOrder(const SpooledRows& rows, const SeriesColumns& columns, const SeriesIndex& index, std::size_t first, std::size_t last,
              std::filesystem::path file, WorkerPool& pool, uint64_t run_rows = uint64_t{1} << 20);
  ~SeriesOrder();

  /// Calls `use` for the rows of series `number`. Series must be asked for in ascending order.
  void each_row(std::size_t number, const std::function<void(const SeriesRow&)>& use);

 private:
  struct Merge;
  void sort_rows(const std::filesystem::path& file, WorkerPool& pool, uint64_t run_rows);

  const SpooledRows& rows_;
  const SeriesColumns& columns_;
  const SeriesIndex& index_;
  std::size_t first_, last_;
  std::unique_ptr<Merge> merge_;
};

}  // namespace cohort::datasets
