// The format `parquet`: tables in Apache Parquet files, a row a row.
#pragma once

#include <string>
#include <vector>

#include "datasets/import/importers.h"

namespace cohort::datasets {

/// Rows go through what CSV records go through, as the same texts: an import of a CSV file that holds them gives the same shards.
Importer parquet_importer();

/// Like infer_import, for Parquet files: all of their rows are read once. Throws Error: usage (no such column, a label that can't be one), failed
/// where there is no pyarrow, damaged.
std::string infer_parquet(const std::vector<ImportInput>& inputs, const std::string& label);

}  // namespace cohort::datasets
