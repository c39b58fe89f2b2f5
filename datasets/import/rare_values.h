// Dictionaries without the values that hardly occur.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/import/value_table.h"

namespace cohort::datasets {

/// As sort_codes, but for the values that aren't kept (`keep` by code): they become `rare_value`, which takes its place among the others, or
/// −1 where that is empty or the values are integers.
FinalCodes sort_codes(const StringTable& table, const std::vector<bool>& keep, const std::string& rare_value);
FinalCodes sort_codes(const IntegerTable& table, const std::vector<bool>& keep, const std::string& rare_value);

}  // namespace cohort::datasets
