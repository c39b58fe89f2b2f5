// Raw values of rows, as a client of the served net would send them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/store/dataset.h"

namespace cohort::datasets {

struct RawTable {
  uint64_t rows = 0;
  /// One of the three vectors holds `rows` values, or those of `rows` sequences; which one follows the column's kind (the elements' kind of a
  /// sequence) and dtype.
  struct Column {
    std::string name;
    std::vector<float> floats;         ///< dense, weight, label without classes; NaN missing
    std::vector<std::string> strings;  ///< categorical string, id string, text, label with classes; "" missing
    std::vector<int64_t> integers;     ///< categorical int64, time, id int64 and uint64 (by bits); INT64_MIN missing
    std::vector<int64_t> ends = {};    ///< of sequences alone: row i has the elements [ends[i−1], ends[i])
  };
  std::vector<Column> columns;
};

/// Rows [first, first + count) of a dataset in raw values: codes through their dictionaries, classes as the label's raw text.
/// Throws Error: usage for a column that isn't there, damaged.
RawTable read_raw(const Dataset& dataset, const std::vector<std::string>& columns, uint64_t first, uint64_t count);

}  // namespace cohort::datasets
