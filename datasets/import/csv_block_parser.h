// Turns blocks of CSV records into blocks of typed rows. Thread-safe: each call works on its own block.
#pragma once

#include <string_view>

#include "datasets/import/csv_format.h"
#include "datasets/import/import_plan.h"
#include "datasets/import/join_table.h"
#include "datasets/import/parsed_block.h"

namespace cohort::datasets {

/// `text` holds whole records; the first `skip` bytes (a header) only count as lines. Joins are applied in their order, each table giving
/// the plan's next fields.
ParsedBlock parse_block(std::string_view text, std::size_t skip, const CsvFormat& format, const ImportPlan& plan, const Joins& joins = {});

}  // namespace cohort::datasets
