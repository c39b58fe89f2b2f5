// Dictionaries without the values that hardly occur.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/import/value_table.h"

namespace cohort::datasets {

struct RareValues {
  uint64_t values = 0, occurrences = 0;
};

/// As sort_codes, but for values with fewer than `min_count` occurrences (`counts` by code): they become `rare_value`, which takes its place among
/// the others, or −1 where that is empty or the values are integers. `rare` receives how many there were.
FinalCodes sort_codes(const StringTable& table, const std::vector<int64_t>& counts, int64_t min_count, const std::string& rare_value, RareValues& rare);
FinalCodes sort_codes(const IntegerTable& table, const std::vector<int64_t>& counts, int64_t min_count, const std::string& rare_value, RareValues& rare);

}  // namespace cohort::datasets
