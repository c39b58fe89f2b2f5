#include "tests/datasets/small_dataset.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

namespace cohort::tests {

using datasets::ColumnBlock;
using datasets::DType;
using datasets::Kind;

ColumnBlock& SmallDataset::add(const std::string& name, Kind kind, DType dtype) {
  datasets::Column column;
  column.name = name;
  column.kind = kind;
  column.dtype = dtype;
  schema_.columns.push_back(column);
  return block_.columns.emplace_back();
}

SmallDataset& SmallDataset::dense(const std::string& name, std::vector<float> values) {
  add(name, Kind::kDense, DType::kFloat32).floats = std::move(values);
  return *this;
}

SmallDataset& SmallDataset::wide(const std::string& name, std::vector<double> values) {
  add(name, Kind::kDense, DType::kFloat64).doubles = std::move(values);
  return *this;
}

namespace {

/// The dictionary of values without the one that means missing, and each value's code.
template <class T>
std::vector<T> encode(const std::vector<T>& values, const T& missing, std::vector<int32_t>& codes) {
  std::set<T> distinct(values.begin(), values.end());
  distinct.erase(missing);
  const std::vector<T> words(distinct.begin(), distinct.end());
  for (const T& value : values) {
    codes.push_back(value == missing ? -1 : static_cast<int32_t>(std::lower_bound(words.begin(), words.end(), value) - words.begin()));
  }
  return words;
}

}  // namespace

SmallDataset& SmallDataset::category(const std::string& name, const std::vector<std::string>& values) {
  ColumnBlock& block = add(name, Kind::kCategorical, DType::kString);
  schema_.columns.back().dictionary.strings = encode<std::string>(values, "", block.ints);
  return *this;
}

SmallDataset& SmallDataset::integers(const std::string& name, const std::vector<int64_t>& values) {
  ColumnBlock& block = add(name, Kind::kCategorical, DType::kInt64);
  schema_.columns.back().dictionary.integers = encode<int64_t>(values, datasets::kNoInteger, block.ints);
  return *this;
}

SmallDataset& SmallDataset::label(const std::string& name, std::vector<float> values) {
  add(name, Kind::kLabel, DType::kFloat32).floats = std::move(values);
  schema_.columns.back().classes = {"no", "yes"};
  return *this;
}

SmallDataset& SmallDataset::classes(const std::string& name, std::vector<int32_t> values, std::vector<std::string> classes) {
  add(name, Kind::kLabel, DType::kInt32).ints = std::move(values);
  schema_.columns.back().classes = std::move(classes);
  return *this;
}

SmallDataset& SmallDataset::regression(const std::string& name, std::vector<float> values) {
  add(name, Kind::kLabel, DType::kFloat32).floats = std::move(values);
  return *this;
}

SmallDataset& SmallDataset::weight(const std::string& name, std::vector<float> values) {
  add(name, Kind::kWeight, DType::kFloat32).floats = std::move(values);
  return *this;
}

SmallDataset& SmallDataset::time(const std::string& name, std::vector<int64_t> values) {
  add(name, Kind::kTime, DType::kInt64).longs = std::move(values);
  return *this;
}

SmallDataset& SmallDataset::id(const std::string& name, std::vector<std::string> values) {
  ColumnBlock& block = add(name, Kind::kId, DType::kString);
  for (const std::string& value : values) block.add_text(value);
  return *this;
}

SmallDataset& SmallDataset::sequence(const std::string& name, const std::vector<std::vector<int32_t>>& values,
                                     std::vector<std::string> dictionary) {
  ColumnBlock& block = add(name, Kind::kSequence, DType::kString);
  schema_.columns.back().of = Kind::kCategorical;
  schema_.columns.back().dictionary.strings = std::move(dictionary);
  for (const std::vector<int32_t>& row : values) {
    block.ints.insert(block.ints.end(), row.begin(), row.end());
    block.ends.push_back(static_cast<int64_t>(block.ints.size()));
  }
  return *this;
}

SmallDataset& SmallDataset::sequence_of_numbers(const std::string& name, const std::vector<std::vector<float>>& values) {
  ColumnBlock& block = add(name, Kind::kSequence, DType::kFloat32);
  schema_.columns.back().of = Kind::kDense;
  for (const std::vector<float>& row : values) {
    block.floats.insert(block.floats.end(), row.begin(), row.end());
    block.ends.push_back(static_cast<int64_t>(block.floats.size()));
  }
  return *this;
}

SmallDataset& SmallDataset::sequence_of_times(const std::string& name, const std::vector<std::vector<int64_t>>& values) {
  ColumnBlock& block = add(name, Kind::kSequence, DType::kInt64);
  schema_.columns.back().of = Kind::kTime;
  for (const std::vector<int64_t>& row : values) {
    block.longs.insert(block.longs.end(), row.begin(), row.end());
    block.ends.push_back(static_cast<int64_t>(block.longs.size()));
  }
  return *this;
}

SmallDataset& SmallDataset::numbers(std::vector<uint64_t> rows) {
  block_.row = std::move(rows);
  return *this;
}

SmallDataset& SmallDataset::no_feature() {
  schema_.columns.back().feature = false;
  return *this;
}

SmallDataset& SmallDataset::available_at(const std::string& when) {
  schema_.columns.back().available_at = when;
  return *this;
}

SmallDataset& SmallDataset::part(const std::string& name, uint64_t first_row) {
  parts_.emplace_back(name, first_row);
  return *this;
}

datasets::Dataset SmallDataset::write(const std::filesystem::path& folder, uint64_t chunk_rows, uint64_t rows_per_shard) const {
  const uint64_t rows = datasets::rows_in(schema_.columns.at(0), block_.columns.at(0));
  std::vector<uint64_t> numbers = block_.row;
  for (uint64_t i = numbers.size(); i < rows; ++i) numbers.push_back(i);
  datasets::StoreOptions options;
  options.chunk_rows = chunk_rows;
  options.rows_per_shard = rows_per_shard;
  options.threads = 1;
  datasets::DatasetWriter writer(folder, schema_, options);
  std::vector<std::pair<std::string, uint64_t>> parts = parts_;
  if (parts.empty()) parts.emplace_back("data", 0);
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const uint64_t first = parts[p].second, last = p + 1 < parts.size() ? parts[p + 1].second : rows;
    writer.begin_part(parts[p].first);
    datasets::RowBlock block;
    block.row.assign(numbers.begin() + static_cast<std::ptrdiff_t>(first), numbers.begin() + static_cast<std::ptrdiff_t>(last));
    block.columns.resize(schema_.columns.size());
    for (std::size_t c = 0; c < schema_.columns.size(); ++c) {
      datasets::append_rows(schema_.columns[c], block.columns[c], block_.columns[c], first, last - first);
    }
    writer.append(block);
  }
  writer.finish(schema_, std::vector<std::vector<int32_t>>(schema_.columns.size()), nlohmann::ordered_json::object());
  return datasets::Dataset::open(folder);
}

TEST(SmallDataset, ReadsBackWhatWasWritten) {
  const datasets::TemporaryFolder folder;
  const auto dataset = SmallDataset().dense("x", {1, 2, 3}).category("c", {"b", "", "a"}).write(folder.path() / "d", 2);
  std::vector<float> x(3);
  std::vector<int32_t> c(3);
  dataset.read(dataset.schema().at("x"), 0, std::span<float>(x));
  dataset.read(dataset.schema().at("c"), 0, std::span<int32_t>(c));
  EXPECT_EQ(x, (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(c, (std::vector<int32_t>{1, -1, 0}));
}

}  // namespace cohort::tests
