// Files that give each row a number: its fold, or the folds in whose validation part it is.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace cohort::datasets {

/// Reads CSV `row,<column>` (plain, gz, zst), rows in any order, and gives the value of each number in `rows`. Rows of the file that the
/// dataset doesn't have are left out as long as they lie before its last row (an import may drop rows). Throws Error (usage) with place:
/// no such file, another header, not a number, a row twice, a row beyond the dataset's last, a row of the dataset that the file lacks.
std::vector<uint64_t> read_fold_file(const std::filesystem::path& path, const std::string& column, std::span<const uint64_t> rows);

}  // namespace cohort::datasets
