#include "datasets/checks/checked_column.h"

#include <bit>
#include <cmath>

#include "core/philox.h"

namespace cohort::datasets {
namespace {

constexpr std::array<Part, 1> kTrainAlone{Part::kTrain};
constexpr std::size_t kMostClasses = 20;  // held against the rest
constexpr int64_t kLeastOfAClass = 10;

/// Unsigned integers that ascend with the float, infinities included.
uint32_t sortable_bits(float value) {
  const auto bits = std::bit_cast<uint32_t>(value == 0 ? 0.0f : value);
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

template <class Use>
void each_number(const Dataset& dataset, const Split& split, std::span<const Part> parts, const Column& column, Use use) {
  std::vector<double> wide;
  each_part_value<float>(
      dataset, split, parts,
      [&](uint64_t first, std::span<float> out) {
        if (column.dtype == DType::kFloat32) return dataset.read(column, first, out);
        wide.resize(out.size());
        dataset.read(column, first, std::span<double>(wide));
        std::transform(wide.begin(), wide.end(), out.begin(), [](double value) { return static_cast<float>(value); });
      },
      use);
}

void read_numbers(const Dataset& dataset, const Split& split, const RowSample& sample, CheckedColumn& result) {
  std::vector<float> train;
  bool first = true;
  float before = 0;
  each_number(dataset, split, kParts, *result.column, [&](Part part, uint64_t row, float value) {
    const auto at = static_cast<std::size_t>(part);
    result.missing[at] += std::isnan(value) ? 1 : 0;
    if (part == Part::kTrain) {
      result.constant = result.constant && (first || value == before || (std::isnan(value) && std::isnan(before)));
      before = value;
      first = false;
    }
    if (sample.keeps(row)) (part == Part::kTrain ? train : result.others[at]).push_back(value);
  });
  result.train = code_numbers(train);
}

void read_categories(const Dataset& dataset, const Split& split, const RowSample& sample, CheckedColumn& result) {
  const std::size_t size = result.column->dictionary.size();
  result.train.size = size;
  for (const Part part : kParts) result.counts[static_cast<std::size_t>(part)].resize(size);
  each_part_value<int32_t>(
      dataset, split, kParts, [&](uint64_t first, std::span<int32_t> out) { dataset.read(*result.column, first, out); },
      [&](Part part, uint64_t row, int32_t code) {
        const auto at = static_cast<std::size_t>(part);
        if (code < 0) ++result.missing[at];
        else ++result.counts[at][static_cast<std::size_t>(code)];
        if (part == Part::kTrain && sample.keeps(row)) result.train.of_row.push_back(code);
      });
  const auto& counts = result.counts[static_cast<std::size_t>(Part::kTrain)];
  const auto present = std::count_if(counts.begin(), counts.end(), [](uint64_t count) { return count > 0; });
  result.constant = present + (result.missing[static_cast<std::size_t>(Part::kTrain)] > 0 ? 1 : 0) <= 1;
}

void choose_judged(CheckedLabel& label) {
  std::vector<int64_t> counts(label.classes.size(), 0);
  int64_t rows = 0;
  for (const int32_t code : label.codes.of_row) {
    if (code < 0) continue;
    ++counts[static_cast<std::size_t>(code)];
    ++rows;
  }
  const auto enough = [&](int32_t c) {
    const int64_t count = counts[static_cast<std::size_t>(c)];
    return count >= kLeastOfAClass && rows - count >= kLeastOfAClass;
  };
  for (int32_t c = counts.size() == 2 ? 1 : 0; c < static_cast<int32_t>(counts.size()); ++c) {
    if (enough(c)) label.judged.push_back(c);
  }
  std::stable_sort(label.judged.begin(), label.judged.end(),
                   [&](int32_t a, int32_t b) { return counts[static_cast<std::size_t>(a)] > counts[static_cast<std::size_t>(b)]; });
  if (label.judged.size() > kMostClasses) label.judged.resize(kMostClasses);
}

}  // namespace

Codes code_numbers(std::span<const float> values) {
  // The value's bits above, the row below: one sort of integers.
  std::vector<uint64_t> keys;
  keys.reserve(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isnan(values[i])) keys.push_back(uint64_t{sortable_bits(values[i])} << 32 | i);
  }
  std::sort(keys.begin(), keys.end());
  Codes codes;
  codes.of_row.assign(values.size(), -1);
  uint64_t before = UINT64_MAX;
  for (const uint64_t key : keys) {
    const float value = values[key & 0xffffffffu];
    if (key >> 32 != before) codes.values.push_back(value == 0 ? 0.0f : value);
    before = key >> 32;
    codes.of_row[key & 0xffffffffu] = static_cast<int32_t>(codes.values.size()) - 1;
  }
  codes.size = codes.values.size();
  return codes;
}

CheckedColumn read_checked_column(const Dataset& dataset, const Split& split, const Column& column, const RowSample& sample) {
  CheckedColumn result;
  result.column = &column;
  result.ordered = column.kind == Kind::kDense;
  if (result.ordered) read_numbers(dataset, split, sample, result);
  else read_categories(dataset, split, sample, result);
  return result;
}

CheckedLabel read_checked_label(const Dataset& dataset, const Split& split, const Column& column, const RowSample& sample) {
  CheckedLabel label;
  label.column = &column;
  label.classes = column.classes;
  if (column.dtype == DType::kInt32) {
    each_part_value<int32_t>(
        dataset, split, kTrainAlone, [&](uint64_t first, std::span<int32_t> out) { dataset.read(column, first, out); },
        [&](Part, uint64_t row, int32_t code) {
          if (sample.keeps(row)) label.codes.of_row.push_back(code);
        });
    label.codes.size = column.classes.size();
  } else {
    std::vector<float> values;
    each_number(dataset, split, kTrainAlone, column, [&](Part, uint64_t row, float value) {
      if (sample.keeps(row)) values.push_back(value);
    });
    if (label.is_class()) {
      label.codes.size = label.classes.size();
      const auto classes = static_cast<float>(label.classes.size());
      for (const float value : values) label.codes.of_row.push_back(value >= 0 && value < classes ? static_cast<int32_t>(value) : -1);
    } else {
      label.codes = code_numbers(values);
    }
  }
  if (label.is_class()) choose_judged(label);
  return label;
}

double distinct_share(const Dataset& dataset, const Split& split, const Column& column, uint64_t limit) {
  const uint64_t rows = split.size(Part::kTrain);
  const uint64_t threshold = rows <= limit ? UINT64_MAX : static_cast<uint64_t>(static_cast<double>(limit) / static_cast<double>(rows) * 0x1p64);
  const core::KeyedRandom random(0, "checks.distinct");
  std::vector<uint32_t> kept;
  each_number(dataset, split, kTrainAlone, column, [&](Part, uint64_t, float value) {
    if (std::isnan(value)) return;
    const uint32_t bits = sortable_bits(value);
    if (random.u64(bits) < threshold) kept.push_back(bits);
  });
  std::sort(kept.begin(), kept.end());
  const auto distinct = std::unique(kept.begin(), kept.end()) - kept.begin();
  return kept.empty() ? 0 : static_cast<double>(distinct) / static_cast<double>(kept.size());
}

std::vector<int64_t> read_train_times(const Dataset& dataset, const Split& split, const Column& column, const RowSample& sample) {
  std::vector<int64_t> times;
  each_part_value<int64_t>(
      dataset, split, kTrainAlone, [&](uint64_t first, std::span<int64_t> out) { dataset.read(column, first, out); },
      [&](Part, uint64_t row, int64_t time) {
        if (sample.keeps(row)) times.push_back(time);
      });
  return times;
}

}  // namespace cohort::datasets
