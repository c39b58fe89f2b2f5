// What imports of tables have in common, whatever their records are read from: the plan with its joins, and what follows the first pass.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/comm/communicator.h"
#include "core/toml_document.h"
#include "datasets/import/append.h"
#include "datasets/import/import_inputs.h"
#include "datasets/import/join_table.h"
#include "datasets/import/table_dataset.h"

namespace cohort::datasets {

/// The first pass of an import, with all it needs to live on.
struct TableImport {
  ImportPlan plan;
  Joins joins;
  std::vector<std::vector<std::filesystem::path>> join_files;
  nlohmann::ordered_json join_counts;  ///< for the manifest, by join
  SpooledTable table;
  std::shared_ptr<const AppendBase> base;  ///< where rows are appended to a dataset
};

/// Collective. Rank 0's list of texts.
std::vector<std::string> texts_from_root(core::Communicator& comm, const std::function<std::vector<std::string>()>& work);

/// Collective. All but the rows: `names` are the inputs' columns. Throws Error (usage), with all mistakes in `diagnostics`.
std::unique_ptr<TableImport> plan_table(core::Communicator& comm, const std::vector<std::string>& names, const std::filesystem::path& first_input,
                                        const ImportOptions& options, core::Diagnostics& diagnostics, const ImportSettings& settings,
                                        StagedDataset& staged);

/// Collective. The columns of that plan alone.
Schema planned_schema(core::Communicator& comm, const std::vector<std::string>& names, const std::filesystem::path& first_input,
                      const ImportOptions& options, const core::TomlDocument& document, const ImportSettings& settings);

/// Tells the settings' progress the bytes that this rank has read. The settings must outlive it.
std::function<void(uint64_t bytes)> share_of_progress(const core::Communicator& comm, const std::vector<ImportInput>& inputs, const ImportSettings& settings);

/// Collective. Once the rows are read.
void count_joins(core::Communicator& comm, const ImportOptions& options, TableImport& table);

/// Collective. The second pass: the dataset, or the one that the rows are appended to. `format` is the name in the manifest.
ImportSummary finish_table(core::Communicator& comm, StagedDataset& staged, WorkerPool& pool, TableImport& table, const std::string& format,
                           const ImportOptions& options, const ImportSettings& settings);

}  // namespace cohort::datasets
