// The Parquet files of an import: their common columns, and which rank reads which rows.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/comm/communicator.h"
#include "datasets/import/import_inputs.h"
#include "datasets/import/parquet_source.h"

namespace cohort::datasets {

struct ParquetInputs {
  std::vector<ParquetColumn> columns;              ///< of all files; a column that is empty in some has the type that it has in the others
  std::vector<std::vector<uint64_t>> row_groups;   ///< by file: their rows

  std::vector<std::string> names() const;
};

/// Rows of one file.
struct ParquetShare {
  std::size_t input = 0;
  uint64_t first = 0, rows = 0;
};

/// Opens every file. Throws Error: as ParquetSource does; usage, naming both files, where their columns differ (their order may).
ParquetInputs open_parquet_inputs(ParquetSource& source, const std::vector<ImportInput>& inputs);

/// Collective. The same, as rank 0 finds the files; `source` is set there.
ParquetInputs open_parquet_inputs(core::Communicator& comm, std::unique_ptr<ParquetSource>& source, const std::vector<ImportInput>& inputs, int threads);

/// This rank's rows, in order: the ranks' shares follow one another in the order of the files and are about equal. Cut at row groups, each of which
/// belongs to the rank in whose share it begins.
std::vector<ParquetShare> share_row_groups(const std::vector<std::vector<uint64_t>>& row_groups, int rank, int ranks);

}  // namespace cohort::datasets
