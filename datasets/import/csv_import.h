// Tables of records, a row each: `csv` and the formats that are CSV with options of their own.
#pragma once

#include <vector>

#include "core/comm/communicator.h"
#include "core/toml_document.h"
#include "datasets/import/table_import.h"

namespace cohort::datasets {

using CsvTable = TableImport;

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
