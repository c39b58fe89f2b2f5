// Files that give each row a number: its fold, or the folds in whose validation part it is.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "datasets/store/dataset.h"

namespace cohort::datasets {

/// CSV `row,<column>` (plain, gz, zst), rows in any order, read once from end to end. Kept is one byte for each row number. Rows of the file that the
/// dataset doesn't have are left out as long as they lie before its last row (an import may drop rows).
class FoldFile {
 public:
  /// `code_of` makes a byte above 0 of a row's number. Throws Error (usage) with place: no such file, another header, not a number, a row twice, a row
  /// beyond the dataset's last.
  FoldFile(const std::filesystem::path& path, const std::string& column, const Dataset& dataset, const std::function<uint8_t(uint64_t value)>& code_of);
  /// Of a row of the dataset. Throws Error (usage) where the file lacks it.
  uint8_t code(uint64_t row_number) const;

 private:
  std::string path_;
  std::vector<uint8_t> codes_;  ///< by row number; 0: not in the file
};

}  // namespace cohort::datasets
