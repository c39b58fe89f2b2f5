// The input files of an import.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "datasets/import/import_options.h"

namespace cohort::datasets {

/// Input files of one part; neighbouring entries of the same part go on in the same shards.
struct ImportInput {
  std::string part = "data";
  std::filesystem::path file;
  bool header = true;
};

/// The inputs that the command line (`path` or `part=path`) or else the options name, patterns (* ? []) expanded in order of names.
/// Throws Error (usage) when both or neither name any, and for a pattern that no file fits.
std::vector<ImportInput> import_inputs(const std::vector<std::string>& arguments, const ImportOptions& options,
                                       const std::filesystem::path& options_folder);

/// Files that a list of paths and patterns names, relative ones below `folder`. Throws Error (usage) for a pattern that no file fits.
std::vector<std::filesystem::path> expand_files(const std::vector<std::string>& patterns, const std::filesystem::path& folder);

/// Names of the columns: of csv.names, else of the file's header.
std::vector<std::string> read_column_names(const ImportOptions& options, const ImportInput& input);

/// Whether the file begins with a record of these names.
bool begins_with_names(const std::filesystem::path& file, const CsvFormat& format, const std::vector<std::string>& names);

/// The header of a file: its names, and how much of the first block it takes.
struct CsvHeader {
  std::vector<std::string> names;
  std::size_t bytes = 0;
};
/// The first record of a file's first block. Throws Error (usage).
CsvHeader take_header(const std::string& block, const CsvFormat& format, const std::filesystem::path& file);

}  // namespace cohort::datasets
