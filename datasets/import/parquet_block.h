// Turns batches of Parquet rows into blocks of typed rows.
#pragma once

#include <memory>
#include <vector>

#include "datasets/import/import_plan.h"
#include "datasets/import/join_table.h"
#include "datasets/import/parquet_source.h"
#include "datasets/import/parsed_block.h"

namespace cohort::datasets {

/// The inputs' columns that an import looks at, ascending: kept ones, keys of joins, those that others are made of, the person's.
std::vector<std::size_t> needed_fields(const ImportPlan& plan, const Joins& joins);

/// `columns` are those of the batch, `fields` their places among the plan's own fields. The offset of a problem is a row of the batch, from 0.
/// Thread-safe.
ParsedBlock parse_batch(const ParquetBatch& batch, const std::vector<ParquetColumn>& columns, const std::vector<std::size_t>& fields,
                        const ImportPlan& plan, const Joins& joins);

}  // namespace cohort::datasets
