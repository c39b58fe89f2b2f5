// What the types of Parquet columns say of an import's columns.
#pragma once

#include <string>
#include <vector>

#include "core/toml_document.h"
#include "datasets/import/import_options.h"
#include "datasets/import/parquet_source.h"

namespace cohort::datasets {

/// Completes the options: columns of no kind get that of their type (numbers dense, text categorical, times time, lists sequences of these), unless
/// there is a default_kind; lists get their separator. Columns that other rules of [columns.X] depend on keep needing a kind of their own. Mistakes go
/// to `diagnostics`.
void complete_columns(ImportOptions& options, const std::vector<ParquetColumn>& columns, core::Diagnostics& diagnostics);

/// What elements of a type are by default: dense, categorical or time.
std::string kind_of_type(const ParquetColumn& column);

/// Throws Error (usage) at `file` for columns that can't be imported and aren't dropped, all of them at once.
void check_supported(const ImportOptions& options, const std::vector<ParquetColumn>& columns, const std::string& file);

}  // namespace cohort::datasets
