// The columns of a raw CSV file that prediction needs, and the plan by which they are read.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/import/csv_format.h"
#include "datasets/import/import_plan.h"
#include "datasets/import/raw_rules.h"

namespace cohort::datasets {

struct RawFile {
  CsvFormat format;
  std::size_t header_bytes = 0;  ///< of the first block; 0 where there is no header
  ImportPlan plan;               ///< its schema has the needed columns alone
  std::vector<std::size_t> columns;  ///< those asked for, as columns of the plan's schema
};

/// Finds out how a file is written and where its columns are. `start`: its first block. Throws Error (usage) at the file.
RawFile plan_raw_file(const std::filesystem::path& file, std::string_view start, const RawRules& rules, const std::vector<std::string>& columns,
                      const std::filesystem::path& key_file);

/// The first block's encoding has to be known to read it: the import's, else UTF-8.
CsvFormat first_format(const RawRules& rules);

}  // namespace cohort::datasets
