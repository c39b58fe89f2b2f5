// Synthetic datasets whose truth is known.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "core/options.h"
#include "core/comm/communicator.h"
#include "datasets/store/dataset_build.h"

namespace cohort::datasets {

/// Fills a block, in place of what it held, with rows first … first + count − 1. Called from several threads at once.
using RowFiller = std::function<void(uint64_t first, uint64_t count, RowBlock& block)>;

/// Row i of what a generator makes depends on (options, seed, i) alone: fewer rows are the first ones of more.
struct Generator {
  std::string help;
  const core::Schema* options = nullptr;
  uint64_t default_rows = 0;
  /// The columns, dictionaries included.
  Schema (*schema)(const void* options) = nullptr;
  /// Works out once what all rows share; keeps a copy of the options.
  RowFiller (*filler)(const void* options, uint64_t seed) = nullptr;
  /// How many rows there are to make; null where there is no end.
  uint64_t (*most_rows)(const void* options) = nullptr;
};

/// By name.
const std::map<std::string, Generator>& generators();
/// Throws Error (usage) with "did you mean".
const Generator& generator(const std::string& name);

/// Collective. Every rank makes and writes its shards; the files don't depend on the number of ranks or threads. Throws Error (usage)
/// when `folder` exists, rows is 0 or there are not so many. Returns the content hash.
std::string synthesize(core::Communicator& comm, const std::string& name, const void* options, uint64_t rows, uint64_t seed,
                       const std::filesystem::path& folder, const StoreOptions& store = {});

}  // namespace cohort::datasets
