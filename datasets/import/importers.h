// The import formats by name.
#pragma once

#include <cstdint>
#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/comm/communicator.h"
#include "core/options.h"
#include "core/toml_document.h"
#include "datasets/import/import_inputs.h"
#include "datasets/import/import_options.h"
#include "datasets/import/table_dataset.h"

namespace cohort::datasets {

/// What the command line asks for.
struct ImportRequest {
  core::Communicator& comm;
  std::string format;
  std::vector<std::string> inputs;      ///< files, patterns, part=FILE; empty: the options name them
  const core::TomlDocument& document;   ///< of the options, the same on all ranks
  ImportSettings settings;
  int64_t rows_per_shard = 0;           ///< instead of store.rows_per_shard; 0: that one
};

/// A format: what it reads, its options, and how it is imported. A new one is a file that makes such an entry, and a line in importers.cpp.
struct Importer {
  std::string help;                     ///< one line
  const core::Schema* options = nullptr;
  /// Collective. Throws Error; then nothing is left behind.
  ImportSummary (*run)(const ImportRequest& request) = nullptr;
  bool appends = false;                 ///< every row is made of one record, so that rows can be appended
  /// The text of an import.toml for these inputs, found out from their values; null where there is nothing to find out. Local.
  std::string (*infer)(const std::vector<ImportInput>& inputs, const std::string& label) = nullptr;
};

const std::map<std::string, Importer>& importers();
/// Throws Error (usage) with "did you mean".
const Importer& importer(const std::string& format);
/// Throws Error (usage) where rows of this format can't be appended to a dataset.
void check_appends(const std::string& format);
/// The format by which a dataset was imported. Throws Error (usage) for a dataset that no import made, and as Dataset::open does.
std::string made_by(const std::filesystem::path& dataset);

/// Collective. The options of a request, read over a format's defaults; every mistake at once.
template <class Options>
Options read_import_options(const ImportRequest& request) {
  Options options;
  core::together(request.comm, [&] {
    const std::map<std::string, ColumnOptions> columns = options.columns;
    core::Diagnostics diagnostics(request.document);
    core::Schema::of<Options>().read(request.document, "", &options, diagnostics);
    diagnostics.throw_if_errors();
    // What a file says of some columns leaves the format's defaults for the others.
    for (const auto& [name, column] : columns) {
      if (std::find(options.drop.begin(), options.drop.end(), name) == options.drop.end()) options.columns.emplace(name, column);
    }
    if (request.rows_per_shard > 0) options.store.rows_per_shard = request.rows_per_shard;
  });
  return options;
}

/// Collective. The inputs of a request, as rank 0 finds them.
std::vector<ImportInput> request_inputs(const ImportRequest& request, const ImportOptions& options);

}  // namespace cohort::datasets
