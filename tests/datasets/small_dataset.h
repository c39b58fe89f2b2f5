// Small datasets made of values written in a test.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "datasets/store/dataset.h"
#include "datasets/store/dataset_writer.h"
#include "tests/datasets/temporary_folder.h"

namespace cohort::tests {

/// Columns of one length, added one by one. Row numbers are 0, 1, … unless given.
class SmallDataset {
 public:
  SmallDataset& dense(const std::string& name, std::vector<float> values);
  SmallDataset& wide(const std::string& name, std::vector<double> values);
  /// "" is missing.
  SmallDataset& category(const std::string& name, const std::vector<std::string>& values);
  /// kNoInteger is missing.
  SmallDataset& integers(const std::string& name, const std::vector<int64_t>& values);
  SmallDataset& label(const std::string& name, std::vector<float> values);
  SmallDataset& classes(const std::string& name, std::vector<int32_t> values, std::vector<std::string> classes);
  SmallDataset& regression(const std::string& name, std::vector<float> values);
  SmallDataset& weight(const std::string& name, std::vector<float> values);
  SmallDataset& time(const std::string& name, std::vector<int64_t> values);
  SmallDataset& id(const std::string& name, std::vector<std::string> values);
  /// Codes 0, 1, … of `dictionary`; −1 is missing.
  SmallDataset& sequence(const std::string& name, const std::vector<std::vector<int32_t>>& values, std::vector<std::string> dictionary);
  SmallDataset& sequence_of_numbers(const std::string& name, const std::vector<std::vector<float>>& values);
  SmallDataset& sequence_of_times(const std::string& name, const std::vector<std::vector<int64_t>>& values);
  SmallDataset& numbers(std::vector<uint64_t> rows);
  /// Marks the column added last as no feature.
  SmallDataset& no_feature();
  /// Says when the values of the column added last became known.
  SmallDataset& available_at(const std::string& when);
  /// Rows from here on belong to another input part.
  SmallDataset& part(const std::string& name, uint64_t first_row);

  datasets::Dataset write(const std::filesystem::path& folder, uint64_t chunk_rows = 64, uint64_t rows_per_shard = 1000) const;

 private:
  datasets::ColumnBlock& add(const std::string& name, datasets::Kind kind, datasets::DType dtype);
  datasets::Schema schema_;
  datasets::RowBlock block_;
  std::vector<std::pair<std::string, uint64_t>> parts_;
};

}  // namespace cohort::tests
