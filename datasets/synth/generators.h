// Synthetic datasets whose truth is known.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "core/options.h"
#include "datasets/store/dataset_writer.h"

namespace cohort::datasets {

/// Row i of what a generator makes depends on (options, seed, i) alone: fewer rows are the first ones of more.
struct Generator {
  std::string help;
  const core::Schema* options = nullptr;
  uint64_t default_rows = 0;
  /// The columns, dictionaries included.
  Schema (*schema)(const void* options) = nullptr;
  /// Fills a block with rows first … first + count − 1.
  void (*fill)(const void* options, uint64_t seed, uint64_t first, uint64_t count, RowBlock& block) = nullptr;
};

/// By name.
const std::map<std::string, Generator>& generators();
/// Throws Error (usage) with "did you mean".
const Generator& generator(const std::string& name);

/// Local: one process writes the whole dataset, durably. Throws Error (usage) when `folder` exists or rows is 0. Returns the content hash.
std::string synthesize(const std::string& name, const void* options, uint64_t rows, uint64_t seed, const std::filesystem::path& folder);

}  // namespace cohort::datasets
