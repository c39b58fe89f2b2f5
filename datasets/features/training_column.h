// The values of a column in the training rows, in fixed blocks.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "datasets/store/dataset.h"
#include "datasets/split/split.h"

namespace cohort::datasets {

/// Block b holds the training rows b·kFitBlock … of the split, whatever the shards and chunks: what is merged in block order depends on
/// the rows alone.
inline constexpr uint64_t kFitBlock = 65536;
/// Up to that many training rows everything is exact; of more, about as many are sampled where values must be sorted.
inline constexpr uint64_t kExactRows = 10'000'000;

class TrainingColumn {
 public:
  /// Dataset and split must outlive it. `exact_rows` is kExactRows but for tests.
  TrainingColumn(const Dataset& dataset, const Split& split, const Column& column, uint64_t exact_rows = kExactRows);

  uint64_t rows() const { return rows_; }
  /// Dense columns; a float64 one is rounded to float32. Reads the dataset at the first call, and again at each call where the rows
  /// are more than exact_rows. `position` is that of the block's first row in the split. The block may be changed.
  void each_block(const std::function<void(uint64_t position, std::span<float> block)>& use);
  /// Categorical columns, likewise.
  void each_code_block(const std::function<void(std::span<const int32_t> block)>& use) const;
  /// Sequence columns: the elements that training sees of each row, of the last `hidden` none and of the others the last (or first) max_length, rows
  /// one after another. T is the element's type.
  template <class T>
  void each_sequence_block(int64_t hidden, int64_t max_length, bool keep_last, const std::function<void(std::span<T> elements)>& use) const;
  /// Whether the row at this position belongs to the sample that is sorted; always, up to exact_rows.
  bool sampled(uint64_t position) const;

 private:
  const Dataset& dataset_;
  const Split& split_;
  const Column& column_;
  uint64_t rows_, threshold_;
  bool keep_;
  std::vector<float> kept_;
};

}  // namespace cohort::datasets
