// Which series there are among the rows of an import, and where their rows stand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/comm/communicator.h"
#include "datasets/store/row_spool.h"

namespace cohort::datasets {

/// Where the columns of a series stand in the schema of the imported rows.
struct SeriesColumns {
  std::size_t time = 0;
  std::vector<std::size_t> ids;     ///< codes of a dictionary
  std::vector<std::size_t> values;  ///< float32
};

struct SeriesEntry {
  std::string key;             ///< packed: part and codes of the ids
  std::size_t part = 0;        ///< in SeriesIndex::parts
  std::vector<int32_t> codes;  ///< of the ids
  uint64_t rows = 0;
  uint64_t first = 0, last = 0;           ///< positions of its first and last row
  int64_t first_time = 0, last_time = 0;  ///< of these rows
  bool ascending = true;                  ///< in time, from row to row

  /// The rows stand together and in the order of time: they can be read where they are.
  bool in_place() const { return ascending && last - first + 1 == rows; }
};

struct SeriesIndex {
  std::vector<std::string> parts;           ///< in the order in which they first occur
  std::vector<SeriesEntry> series;          ///< by part, then by the codes
  std::map<std::string, uint64_t> dropped;  ///< rows without a time or an id, by reason
  uint64_t first_bad = UINT64_MAX;          ///< position of the first such row
  std::string bad_reason;                   ///< what it lacks

  /// The series that this rank makes windows of: [first, last), about as many rows as the others'.
  std::pair<std::size_t, std::size_t> share(int rank, int ranks) const;
};

/// Walks over the part and ids of rows.
class SeriesKeys {
 public:
  SeriesKeys(const SpooledRows& rows, const SeriesColumns& columns);

  /// Reads rows [first, first + count), which may lie in several parts.
  void read(uint64_t first, uint64_t count);
  /// The key of row `i` of those; "" where an id is missing.
  std::string_view key(std::size_t i);
  std::size_t part(std::size_t i) const;
  int32_t code(std::size_t id, std::size_t i) const { return ids_[id].ints[i]; }
  int64_t time(std::size_t i) const { return times_.longs[i]; }
  const std::vector<std::string>& parts() const { return parts_; }

 private:
  const SpooledRows& rows_;
  const SeriesColumns& columns_;
  std::vector<std::string> parts_;
  std::vector<std::pair<uint64_t, std::size_t>> ends_;  ///< position after a stretch of one part, and which
  uint64_t first_ = 0;
  ColumnBlock times_;
  std::vector<ColumnBlock> ids_;
  std::string key_;
};

/// Collective. Each rank looks at its share of the rows; all get the same. Memory grows with the number of series.
SeriesIndex index_series(core::Communicator& comm, const SpooledRows& rows, const SeriesColumns& columns);

}  // namespace cohort::datasets
