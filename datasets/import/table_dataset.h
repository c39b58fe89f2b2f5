// The second pass of an import: what needs the whole of the rows is settled, and the shards are written.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/comm/communicator.h"
#include "datasets/import/spooled_table.h"
#include "datasets/store/dataset_build.h"

namespace cohort::datasets {

/// How an import is run, and where to.
struct ImportSettings {
  int threads = 0;                              ///< 0: one a core
  std::filesystem::path folder;                 ///< the dataset
  std::string options_text;                     ///< kept as import.toml in the dataset
  std::filesystem::path options_folder;         ///< that paths in the options are relative to
  std::filesystem::path append_to;              ///< a dataset whose rows come first; empty: none
  std::string new_values = "extend";            ///< of categorical columns, when appending: extend, missing, fail
  std::function<void(uint64_t bytes, uint64_t total)> progress;  ///< bytes of input read by this rank, of about so many; may be empty
};

struct ImportSummary {
  std::string identity;
  uint64_t records = 0;  ///< in the inputs
  uint64_t rows = 0;     ///< in the dataset
  std::map<std::string, uint64_t> dropped;     ///< rows left out, by reason
  std::map<std::string, uint64_t> unreadable;  ///< values taken for missing, by reason
  std::map<std::string, uint64_t> cleaned;     ///< values changed by a rule, joins' rows without a partner
  std::map<std::string, uint64_t> classes;     ///< rows by the label's value, of the first label with classes
  /// What was appended to, and what became of its shards.
  struct Appended {
    std::string base;  ///< its identity
    uint64_t base_rows = 0;
    uint64_t linked = 0, copied = 0, rewritten = 0;  ///< of its shards
  };
  std::optional<Appended> appended;
};

/// Collective. Duplicates (`duplicates` as in ImportOptions) and clipping at quantiles, then the shards; `source` goes into the manifest with the counts and inputs
/// added, `files` (rank 0's) beside the shards. Throws Error.
ImportSummary write_table(core::Communicator& comm, StagedDataset& staged, WorkerPool& pool, SpooledTable table, const ImportPlan& plan,
                          const std::string& duplicates, const StoreOptions& store, nlohmann::ordered_json source,
                          std::vector<std::pair<std::string, std::string>> files);

/// Collective. Rows that equal an earlier one in all imported columns: counted (`policy` count), left out (drop) or refused (fail, throws
/// Error). Nothing where the plan didn't ask for their fingerprints.
void settle_duplicates(core::Communicator& comm, SpooledTable& table, const ImportPlan& plan, const std::string& policy);

/// The counts of an import as the manifest holds them, added to `source`.
void add_counts(nlohmann::ordered_json& source, const ImportCounts& counts, const nlohmann::ordered_json& inputs);
/// What the manifest says of privacy: the key's id, never the key; what the scan found, without examples.
void add_privacy(nlohmann::ordered_json& source, const SpooledTable& table, const ImportPlan& plan);
/// Rank 0 logs what looks like personal data and wasn't allowed.
void warn_of_personal(const core::Communicator& comm, const SpooledTable& table);
/// The summary of these counts; `columns` says which column's classes are shown.
ImportSummary summary_of(const ImportCounts& counts, const Schema& schema, std::string identity);

}  // namespace cohort::datasets
