// The first pass of an import: input files to typed rows in spools, every rank its share.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/comm/communicator.h"
#include "datasets/import/collector.h"
#include "datasets/import/csv_format.h"
#include "datasets/import/import_inputs.h"
#include "datasets/import/import_plan.h"
#include "datasets/import/rank_spooler.h"
#include "datasets/io/worker_pool.h"
#include "datasets/store/row_spool.h"

namespace cohort::datasets {

/// Text files and how their records become rows.
struct TextTable {
  std::vector<ImportInput> inputs;
  CsvFormat format;
  std::vector<std::string> names;   ///< what each header must be
  bool names_given = false;         ///< by the options: then a header needs only as many
  /// A block of whole records, its first `skip` bytes a header. Called from several threads at once.
  std::function<ParsedBlock(std::string_view text, std::size_t skip)> parse;
};

/// Rows between the two passes.
struct SpooledTable {
  Schema schema;                      ///< final: dictionaries sorted, rare values settled
  std::unique_ptr<SpooledRows> rows;  ///< their codes are read as those of `schema`
  std::vector<SpoolFile> fingerprints;  ///< one a rank: 16 bytes a row, where duplicates are looked for
  ImportCounts counts;
  std::vector<PersonalFinding> personal;  ///< what the scan for personal data found
  nlohmann::ordered_json inputs;      ///< for the manifest: file, part, bytes, SHA-256, records
};

/// Collective. Memory doesn't grow with the files, but with the distinct values of categorical columns. The plan must outlive the result.
/// Mistakes in the data throw Error (usage) at file:line:column, the first of all in the order of the inputs. `progress` is told the bytes of
/// input that this rank has read.
SpooledTable spool_table(core::Communicator& comm, const std::filesystem::path& staging, WorkerPool& pool, const TextTable& table,
                         const ImportPlan& plan, const std::function<void(uint64_t bytes)>& progress);

/// Collective. The same for inputs of any kind: `read` hands the blocks of this rank's share over, those of the ranks following one another in
/// the order of the inputs. It is called under core::together.
SpooledTable spool_blocks(core::Communicator& comm, const std::filesystem::path& staging, WorkerPool& pool, const std::vector<ImportInput>& inputs,
                          const ImportPlan& plan, const std::function<void(RankSpooler&)>& read);

}  // namespace cohort::datasets
