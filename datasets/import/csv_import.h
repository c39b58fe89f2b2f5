// `cohort import csv`: CSV files to a dataset, streaming.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/toml_document.h"
#include "datasets/import/import_options.h"

namespace cohort::datasets {

/// Input files of one part; neighbouring entries of the same part go on in the same shards.
struct ImportInput {
  std::string part = "data";
  std::filesystem::path file;
  bool header = true;
};

struct ImportSettings {
  int threads = 0;                              ///< 0: one a core
  std::filesystem::path folder;                 ///< the dataset
  std::string options_text;                     ///< kept as import.toml in the dataset
  std::function<void(uint64_t rows)> progress;  ///< called now and then; may be empty
};

struct ImportSummary {
  std::string identity;
  uint64_t records = 0;  ///< in the inputs
  uint64_t rows = 0;     ///< in the dataset
  std::map<std::string, uint64_t> dropped;     ///< rows left out, by reason
  std::map<std::string, uint64_t> unreadable;  ///< values taken for missing, by reason
  std::map<std::string, uint64_t> classes;     ///< rows by the label's value, of the first label with classes
};

/// The inputs that the command line (`path` or `part=path`) or else the options name. Throws Error (usage) when both or neither do.
std::vector<ImportInput> import_inputs(const std::vector<std::string>& arguments, const ImportOptions& options,
                                       const std::filesystem::path& options_folder);

/// Names of the columns: of csv.names, else of the file's header.
std::vector<std::string> read_column_names(const ImportOptions& options, const ImportInput& input);

/// Local. Memory doesn't grow with the files, but with the distinct values of categorical columns. Mistakes in the data throw Error
/// (usage) at file:line:column, mistakes in the options are reported through `document`; then nothing is left behind.
ImportSummary import_csv(const std::vector<ImportInput>& inputs, const ImportOptions& options, const core::TomlDocument& document,
                         const ImportSettings& settings);

}  // namespace cohort::datasets
