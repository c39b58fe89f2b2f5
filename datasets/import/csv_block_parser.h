// Turns blocks of CSV records into blocks of typed rows. Thread-safe: each call works on its own block.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/import/csv_format.h"
#include "datasets/import/csv_scanner.h"
#include "datasets/store/dataset_writer.h"
#include "datasets/import/import_plan.h"
#include "datasets/import/value_table.h"

namespace cohort::datasets {

struct ParsedBlock {
  RowBlock rows;                       ///< `row` counts from the block's first record
  std::vector<StringTable> strings;    ///< by column: the block's own codes of categorical text
  std::vector<IntegerTable> integers;  ///< likewise for categorical integers
  std::vector<uint64_t> missing;       ///< by column
  uint64_t records = 0;                ///< dropped ones included, blank lines not
  uint64_t lines = 0;
  std::map<std::string, uint64_t> dropped;      ///< rows left out, by reason
  std::map<std::string, uint64_t> unreadable;   ///< values taken for missing, by reason
  std::optional<CsvProblem> problem;            ///< the first mistake that ends the import, at a byte of the block
};

/// `text` holds whole records; the first `skip` bytes (a header) only count as lines.
ParsedBlock parse_block(std::string_view text, std::size_t skip, const CsvFormat& format, const ImportPlan& plan);

}  // namespace cohort::datasets
