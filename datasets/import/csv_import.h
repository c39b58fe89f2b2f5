// Tables of records, a row each: `csv` and the formats that are CSV with options of their own.
#pragma once

#include <vector>

#include "core/comm/communicator.h"
#include "core/toml_document.h"
#include "datasets/import/append.h"
#include "datasets/import/import_inputs.h"
#include "datasets/import/join_table.h"
#include "datasets/import/table_dataset.h"

namespace cohort::datasets {

/// The first pass of such an import, with all it needs to live on.
struct CsvTable {
  ImportPlan plan;
  Joins joins;
  nlohmann::ordered_json join_counts;  ///< for the manifest, by join
  SpooledTable table;
  std::shared_ptr<const AppendBase> base;  ///< where rows are appended to a dataset
};

/// Collective. Mistakes in the options are reported through `document`.
std::unique_ptr<CsvTable> spool_csv(core::Communicator& comm, const std::vector<ImportInput>& inputs, const ImportOptions& options,
                                    const core::TomlDocument& document, const ImportSettings& settings, StagedDataset& staged, WorkerPool& pool);

/// Collective. The columns that spool_csv would give, dictionaries still empty, so that what else the options say can be checked before the
/// files are read. Throws Error (usage) with all mistakes.
Schema csv_schema(core::Communicator& comm, const std::vector<ImportInput>& inputs, const ImportOptions& options,
                  const core::TomlDocument& document, const ImportSettings& settings);

/// Collective. Memory doesn't grow with the files, but with the distinct values of categorical columns. Mistakes in the data throw Error
/// (usage) at file:line:column, mistakes in the options are reported through `document`; then nothing is left behind. `format` is the
/// name in the manifest.
ImportSummary import_csv(core::Communicator& comm, const std::string& format, const std::vector<ImportInput>& inputs, const ImportOptions& options,
                         const core::TomlDocument& document, const ImportSettings& settings);

}  // namespace cohort::datasets
