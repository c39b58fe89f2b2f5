// A block of records turned into typed rows, and what was met on the way.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "datasets/import/csv_scanner.h"
#include "datasets/import/value_table.h"
#include "datasets/privacy/column_scan.h"
#include "datasets/store/row_block.h"

namespace cohort::datasets {

/// 128 bits of a hash over a record's imported fields.
using Fingerprint = std::pair<uint64_t, uint64_t>;

struct ParsedBlock {
  RowBlock rows;                       ///< `row` counts from the block's first record
  std::vector<StringTable> strings;    ///< by column: the block's own codes of categorical text
  std::vector<IntegerTable> integers;  ///< likewise for categorical integers
  std::vector<ColumnScan> scans;       ///< by column, where personal data are looked for
  std::vector<uint64_t> persons;       ///< one a row, where persons are counted: a hash of the person's id, 0 where it is missing
  std::vector<Fingerprint> fingerprints;  ///< one a row, where duplicates are looked for
  uint64_t records = 0;                ///< dropped ones included, blank lines not
  uint64_t lines = 0;
  std::map<std::string, uint64_t> dropped;      ///< rows left out, by reason
  std::map<std::string, uint64_t> unreadable;   ///< values taken for missing, by reason
  std::map<std::string, uint64_t> cleaned;      ///< values that a rule of cleaning changed, rows that a join found no partner for
  std::optional<CsvProblem> problem;            ///< the first mistake that ends the import, at a byte of the block
};

}  // namespace cohort::datasets
