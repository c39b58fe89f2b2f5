// Appending: a new version of a dataset that shares the files of the one before.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "datasets/import/table_dataset.h"
#include "datasets/store/manifest.h"

namespace cohort::datasets {

/// The dataset that is appended to.
struct AppendBase {
  std::filesystem::path folder;
  Manifest manifest;  ///< dictionaries included
};

/// Local. Throws Error: as Dataset::open does, usage for a dataset that no import made.
std::shared_ptr<const AppendBase> open_append_base(const std::filesystem::path& folder);

/// Local. Throws Error (usage) where the plan has rules that need all rows at once (duplicates, quantiles, rare values, values of few persons,
/// tokens), other columns than the base, or another key of pseudonyms.
void check_appendable(const ImportPlan& plan, const AppendBase& base);

/// What became of the dictionaries when values were added.
struct AppendedCodes {
  Schema schema;                             ///< with the values of both, sorted
  std::vector<std::vector<int32_t>> before;  ///< by column: what the base's codes become; empty where they stay
  std::vector<std::vector<int32_t>> after;   ///< likewise, of the appended rows
  std::map<std::string, uint64_t> refused;   ///< by column: new values taken for missing
  bool base_stays = true;                    ///< no code of the base changes
};

/// Local. `new_values`: extend, missing (values that the base doesn't have become missing) or fail (throws Error (usage) that names some).
AppendedCodes join_dictionaries(const Schema& base, const Schema& appended, const std::string& new_values);

/// Collective. Writes the base's rows and after them the table's: the base's shards are linked, copied where links aren't possible, and written
/// anew where values that sort before the base's own change its codes. Counts and inputs in the manifest are those of all rows; `lineage` names
/// the base. The identity is that of an import of all inputs at once.
ImportSummary append_table(core::Communicator& comm, StagedDataset& staged, WorkerPool& pool, SpooledTable table, const ImportPlan& plan,
                           const AppendBase& base, const std::string& new_values, StoreOptions store, nlohmann::ordered_json source,
                           std::vector<std::pair<std::string, std::string>> files);

}  // namespace cohort::datasets
