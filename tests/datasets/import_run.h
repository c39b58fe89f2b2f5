// Imports in tests: options as text, files in a temporary folder, any number of ranks.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.h"
#include "datasets/import/importers.h"
#include "datasets/store/dataset.h"
#include "tests/support/thread_communicator.h"

namespace cohort::datasets {

/// The summary of rank 0.
inline ImportSummary import_run(const std::string& format, const std::vector<std::filesystem::path>& files, const std::string& options,
                                const std::filesystem::path& out, int ranks = 1) {
  ImportSummary summary;
  tests::run_ranks(ranks, [&](core::Communicator& comm) {
    const core::TomlDocument document = core::TomlDocument::parse(options, "import.toml");
    ImportRequest request{comm, format, {}, document, {}, 0};
    for (const std::filesystem::path& file : files) request.inputs.push_back(file.string());
    request.settings.threads = 2;
    request.settings.folder = out;
    request.settings.options_text = options;
    request.settings.options_folder = out.parent_path();
    ImportSummary own = importer(format).run(request);
    if (comm.is_root()) summary = std::move(own);
  });
  return summary;
}

/// What an import that must fail says.
inline core::Error import_error(const std::string& format, const std::vector<std::filesystem::path>& files, const std::string& options,
                                const std::filesystem::path& out, int ranks = 1) {
  try {
    import_run(format, files, options, out, ranks);
  } catch (const core::Error& error) {
    EXPECT_FALSE(std::filesystem::exists(out));
    return error;
  }
  ADD_FAILURE() << "the import didn't fail";
  return core::failed_error("");
}

/// The rows of a column of float32 sequences.
inline std::vector<std::vector<float>> float_sequences(const Dataset& dataset, const std::string& name) {
  Ragged<float> all;
  dataset.read(dataset.schema().at(name), 0, dataset.rows(), all);
  std::vector<std::vector<float>> rows;
  int64_t begin = 0;
  for (const int64_t end : all.ends) {
    rows.emplace_back(all.values.begin() + begin, all.values.begin() + end);
    begin = end;
  }
  return rows;
}

inline std::vector<std::vector<int32_t>> code_sequences(const Dataset& dataset, const std::string& name) {
  Ragged<int32_t> all;
  dataset.read(dataset.schema().at(name), 0, dataset.rows(), all);
  std::vector<std::vector<int32_t>> rows;
  int64_t begin = 0;
  for (const int64_t end : all.ends) {
    rows.emplace_back(all.values.begin() + begin, all.values.begin() + end);
    begin = end;
  }
  return rows;
}

template <class T>
std::vector<T> stored_values(const Dataset& dataset, const std::string& name) {
  std::vector<T> values(dataset.rows());
  dataset.read(dataset.schema().at(name), 0, std::span<T>(values));
  return values;
}

}  // namespace cohort::datasets
