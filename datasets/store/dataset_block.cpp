#include "datasets/store/dataset_block.h"

#include <algorithm>

#include "datasets/store/element.h"

namespace cohort::datasets {
namespace {

template <class T>
void read_sequences_into(const Dataset& dataset, const Column& column, uint64_t first, uint64_t count, std::vector<int64_t>& ends,
                         std::vector<T>& values) {
  Ragged<T> rows;
  dataset.read(column, first, count, rows);
  ends = std::move(rows.ends);
  values = std::move(rows.values);
}

template <class T>
void read_values_into(const Dataset& dataset, const Column& column, uint64_t first, uint64_t count, std::vector<T>& values) {
  values.resize(count);
  dataset.read(column, first, std::span(values));
}

}  // namespace

void read_column_block(const Dataset& dataset, const Column& column, uint64_t first, uint64_t count, ColumnBlock& block) {
  block = {};
  const bool sequence = column.kind == Kind::kSequence;
  const auto read = [&](auto& values) {
    if (sequence) {
      read_sequences_into(dataset, column, first, count, block.ends, values);
    } else {
      read_values_into(dataset, column, first, count, values);
    }
  };
  switch (element_of(column)) {
    case Element::kFloat32: read(block.floats); break;
    case Element::kFloat64: read(block.doubles); break;
    case Element::kInt32: read(block.ints); break;
    case Element::kUInt8: {
      std::vector<std::string> texts;
      dataset.read(column, first, texts, count);
      for (const std::string& text : texts) block.add_text(text);
      break;
    }
    default: read(block.longs);
  }
}

void read_rows(const Dataset& dataset, uint64_t first, uint64_t count, RowBlock& block) {
  const std::vector<Column>& columns = dataset.schema().columns;
  block.row.resize(count);
  dataset.read_row_numbers(first, block.row);
  block.columns.resize(columns.size());
  for (std::size_t c = 0; c < columns.size(); ++c) read_column_block(dataset, columns[c], first, count, block.columns[c]);
}

ContentSum sum_of_rows(const Dataset& dataset, const Column* column, uint64_t first, uint64_t count) {
  ContentSum sum;
  std::vector<uint64_t> numbers;
  ColumnBlock block;
  for (uint64_t done = 0; done < count;) {
    const uint64_t step = std::min(count - done, dataset.chunk_rows());
    if (column == nullptr) {
      numbers.resize(step);
      dataset.read_row_numbers(first + done, numbers);
      sum += sum_of_values(first + done, std::as_bytes(std::span(numbers)), sizeof(uint64_t));
    } else {
      read_column_block(dataset, *column, first + done, step, block);
      const std::span<const std::byte> values = values_of(*column, block);
      const std::size_t size = size_of(element_of(*column));
      sum += is_ragged(*column) ? sum_of_ragged(first + done, values, size, 0, block.ends) : sum_of_values(first + done, values, size);
    }
    done += step;
  }
  return sum;
}

void DatasetReaders::with(const std::function<void(const Dataset&)>& use) {
  std::unique_ptr<Dataset> dataset;
  {
    const std::scoped_lock lock(mutex_);
    if (!free_.empty()) {
      dataset = std::move(free_.back());
      free_.pop_back();
    }
  }
  if (!dataset) dataset = std::make_unique<Dataset>(Dataset::open(folder_));
  use(*dataset);
  const std::scoped_lock lock(mutex_);
  free_.push_back(std::move(dataset));
}

}  // namespace cohort::datasets
