#include "datasets/features/training_column.h"

#include <algorithm>

#include "core/philox.h"

namespace cohort::datasets {
namespace {

/// Training rows of a block of sequences.
constexpr uint64_t kSequenceBlock = 8192;

/// Calls read(first, out) for stretches of stored rows that hold training rows, and use(position, block) for each fixed block.
template <class T, class Read, class Use>
void each_fixed_block(const Dataset& dataset, const Split& split, Read read, Use use) {
  const uint64_t rows = split.size(Part::kTrain);
  std::vector<T> stretch, block;
  block.reserve(std::min(rows, kFitBlock));
  uint64_t position = 0, next = 0;
  while (next < rows) {
    // Stretches start at multiples of their length, so that few chunks are read twice.
    const uint64_t first = split.row(Part::kTrain, next) / kFitBlock * kFitBlock;
    const uint64_t last = std::min({first + kFitBlock, dataset.rows(), split.row(Part::kTrain, rows - 1) + 1});
    stretch.resize(last - first);
    read(first, std::span<T>(stretch));
    for (uint64_t row = first; row < last; ++row) {
      if (split.parts().part(row) != Part::kTrain) continue;
      ++next;
      block.push_back(stretch[row - first]);
      if (block.size() < kFitBlock) continue;
      use(position, std::span<T>(block));
      position += block.size();
      block.clear();
    }
  }
  if (!block.empty()) use(position, std::span<T>(block));
}

}  // namespace

TrainingColumn::TrainingColumn(const Dataset& dataset, const Split& split, const Column& column, uint64_t exact_rows)
    : dataset_(dataset),
      split_(split),
      column_(column),
      rows_(split.size(Part::kTrain)),
      threshold_(UINT64_MAX),
      keep_(rows_ <= exact_rows) {
  if (!keep_) threshold_ = static_cast<uint64_t>(static_cast<double>(exact_rows) / static_cast<double>(rows_) * 0x1p64);
}

void TrainingColumn::each_block(const std::function<void(uint64_t position, std::span<float> block)>& use) {
  if (keep_ && !kept_.empty()) {
    std::vector<float> block;
    for (uint64_t first = 0; first < kept_.size(); first += kFitBlock) {
      block.assign(kept_.begin() + static_cast<std::ptrdiff_t>(first),
                   kept_.begin() + static_cast<std::ptrdiff_t>(std::min<uint64_t>(first + kFitBlock, kept_.size())));
      use(first, block);
    }
    return;
  }
  std::vector<double> wide;
  auto read = [&](uint64_t first, std::span<float> out) {
    if (column_.dtype == DType::kFloat32) return dataset_.read(column_, first, out);
    wide.resize(out.size());
    dataset_.read(column_, first, std::span<double>(wide));
    std::transform(wide.begin(), wide.end(), out.begin(), [](double value) { return static_cast<float>(value); });
  };
  each_fixed_block<float>(dataset_, split_, read, [&](uint64_t position, std::span<float> block) {
    if (keep_) kept_.insert(kept_.end(), block.begin(), block.end());
    use(position, block);
  });
}

void TrainingColumn::each_code_block(const std::function<void(std::span<const int32_t> block)>& use) const {
  each_fixed_block<int32_t>(
      dataset_, split_, [&](uint64_t first, std::span<int32_t> out) { dataset_.read(column_, first, out); },
      [&](uint64_t, std::span<int32_t> block) { use(block); });
}

template <class T>
void TrainingColumn::each_sequence_block(int64_t hidden, int64_t max_length, bool keep_last, const std::function<void(std::span<T> elements)>& use) const {
  std::vector<T> block;
  uint64_t rows = 0;
  Ragged<T> stretch;
  for (uint64_t first = 0; first < dataset_.rows(); first += kSequenceBlock) {
    const uint64_t count = std::min(kSequenceBlock, dataset_.rows() - first);
    if (split_.parts().rank(Part::kTrain, first) == split_.parts().rank(Part::kTrain, first + count)) continue;
    dataset_.read(column_, first, count, stretch);
    int64_t begin = 0;
    for (uint64_t i = 0; i < count; begin = stretch.ends[i++]) {
      if (split_.parts().part(first + i) != Part::kTrain) continue;
      const int64_t end = std::max(begin, stretch.ends[i] - hidden), kept = std::min(end - begin, max_length);
      const auto from = stretch.values.begin() + (keep_last ? end - kept : begin);
      block.insert(block.end(), from, from + kept);
      if (++rows % kSequenceBlock != 0) continue;
      use(block);
      block.clear();
    }
  }
  use(block);
}

template void TrainingColumn::each_sequence_block(int64_t, int64_t, bool, const std::function<void(std::span<int32_t>)>&) const;
template void TrainingColumn::each_sequence_block(int64_t, int64_t, bool, const std::function<void(std::span<float>)>&) const;
template void TrainingColumn::each_sequence_block(int64_t, int64_t, bool, const std::function<void(std::span<double>)>&) const;

bool TrainingColumn::sampled(uint64_t position) const {
  static const core::KeyedRandom random(0, "features.sample");
  return keep_ || random.u64(position) < threshold_;
}

}  // namespace cohort::datasets
