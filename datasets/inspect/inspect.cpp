#include "datasets/inspect/inspect.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/error.h"
#include "datasets/store/element.h"
#include "datasets/io/time_format.h"
#include "datasets/import/value_table.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kTop = 5;
constexpr std::size_t kMaxDistinct = 1'000'000;
constexpr uint64_t kMaxSorted = 10'000'000;

// The shortest digits that read back equal: 93.994 rather than 93.9940033 for float32.
std::string number_text(double value, bool narrow) {
  char text[32];
  const auto result = narrow ? std::to_chars(text, text + sizeof text, static_cast<float>(value)) : std::to_chars(text, text + sizeof text, value);
  return std::string(text, result.ptr);
}

/// Counts values by a code table, up to a limit of distinct ones.
template <class Table, class Value>
class Counter {
 public:
  void take(Value value) {
    if (table_.size() >= kMaxDistinct) {
      full_ = true;
      return;
    }
    const auto code = static_cast<std::size_t>(table_.code_of(value));
    if (code >= counts_.size()) counts_.resize(code + 1);
    ++counts_[code];
  }
  template <class Text>
  void report(ColumnReport& out, Text text) const {
    out.distinct = table_.size();
    out.distinct_exact = !full_;
    if (full_) return;
    std::vector<int32_t> codes(counts_.size());
    for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<int32_t>(i);
    const auto more = [&](int32_t a, int32_t b) {
      const uint64_t x = counts_[static_cast<std::size_t>(a)], y = counts_[static_cast<std::size_t>(b)];
      return x != y ? x > y : table_.value(a) < table_.value(b);
    };
    const std::size_t top = std::min(kTop, codes.size());
    std::partial_sort(codes.begin(), codes.begin() + static_cast<std::ptrdiff_t>(top), codes.end(), more);
    for (std::size_t i = 0; i < top; ++i) {
      out.top.emplace_back(text(table_.value(codes[i])), counts_[static_cast<std::size_t>(codes[i])]);
    }
  }

 private:
  Table table_;
  std::vector<uint64_t> counts_;
  bool full_ = false;
};
using NumberCounter = Counter<IntegerTable, int64_t>;

// Doubles are counted by their bits; −0 counts as 0.
int64_t bits_of(double value) {
  if (value == 0) value = 0;
  int64_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}
double from_bits(int64_t bits) {
  double value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// Figures of the numbers of one column, missing ones left out.
class RangeBuilder {
 public:
  explicit RangeBuilder(uint64_t rows) : stride_((rows + kMaxSorted - 1) / kMaxSorted) {}

  void take(uint64_t row, double value) {
    ++count_;
    low_ = std::min(low_, value);
    high_ = std::max(high_, value);
    // Welford 1962, "Note on a method for calculating corrected sums of squares and products".
    const double delta = value - mean_;
    mean_ += delta / static_cast<double>(count_);
    squares_ += delta * (value - mean_);
    if (row % stride_ == 0) sorted_.push_back(value);
  }

  std::optional<ColumnReport::Range> build() {
    if (count_ == 0) return {};
    ColumnReport::Range range{low_, high_, mean_, count_ > 1 ? std::sqrt(squares_ / static_cast<double>(count_ - 1)) : 0, {}, stride_ == 1};
    std::sort(sorted_.begin(), sorted_.end());
    for (double share : kInspectQuantiles) {
      if (sorted_.empty()) break;
      const auto n = static_cast<double>(sorted_.size());
      const auto index = static_cast<std::size_t>(std::max(0.0, std::ceil(share * n) - 1));
      range.quantiles.push_back(sorted_[std::min(index, sorted_.size() - 1)]);
    }
    return range;
  }

 private:
  uint64_t stride_, count_ = 0;
  double low_ = std::numeric_limits<double>::infinity(), high_ = -std::numeric_limits<double>::infinity();
  double mean_ = 0, squares_ = 0;
  std::vector<double> sorted_;
};

/// Calls use(row, value) for all rows, a chunk at a time.
template <class T, class Use>
void each_value(const Dataset& dataset, const Column& column, Use use) {
  std::vector<T> values;
  for (uint64_t done = 0; done < dataset.rows(); done += values.size()) {
    values.resize(std::min(dataset.rows() - done, dataset.chunk_rows()));
    dataset.read(column, done, std::span(values));
    for (std::size_t i = 0; i < values.size(); ++i) use(done + i, values[i]);
  }
}

void inspect_texts(const Dataset& dataset, const Column& column, ColumnReport& report) {
  Counter<StringTable, std::string_view> counter;
  std::vector<std::string> values;
  uint64_t bytes = 0;
  for (uint64_t done = 0; done < dataset.rows(); done += values.size()) {
    dataset.read(column, done, values, std::min(dataset.rows() - done, dataset.chunk_rows()));
    for (const std::string& value : values) {
      bytes += value.size();
      if (!value.empty()) counter.take(value);
    }
  }
  counter.report(report, [](std::string_view text) { return std::string(text); });
  // Values that all differ have no most frequent ones.
  if (!report.top.empty() && report.top.front().second == 1) report.top.clear();
  report.mean_length = dataset.rows() == 0 ? 0 : static_cast<double>(bytes) / static_cast<double>(dataset.rows());
}

/// Lengths and, of categorical elements, the most frequent ones.
template <class T>
void inspect_sequences(const Dataset& dataset, const Column& column, ColumnReport& report) {
  NumberCounter counter;
  RangeBuilder lengths(dataset.rows());
  Ragged<T> rows;
  uint64_t elements = 0;
  for (uint64_t done = 0; done < dataset.rows(); done += rows.ends.size()) {
    dataset.read(column, done, std::min(dataset.rows() - done, dataset.chunk_rows()), rows);
    int64_t begin = 0;
    for (std::size_t i = 0; i < rows.ends.size(); ++i) {
      lengths.take(done + i, static_cast<double>(rows.ends[i] - begin));
      begin = rows.ends[i];
    }
    elements += rows.values.size();
    if constexpr (std::is_same_v<T, int32_t>) {
      for (const int32_t code : rows.values) {
        if (code >= 0) counter.take(code);
      }
    }
  }
  counter.report(report, [&](int64_t code) { return column.dictionary.text(static_cast<int32_t>(code)); });
  report.range = lengths.build();
  report.mean_length = dataset.rows() == 0 ? 0 : static_cast<double>(elements) / static_cast<double>(dataset.rows());
}

void inspect_sequences(const Dataset& dataset, const Column& column, ColumnReport& report) {
  switch (element_of(column)) {
    case Element::kInt32: return inspect_sequences<int32_t>(dataset, column, report);
    case Element::kFloat32: return inspect_sequences<float>(dataset, column, report);
    case Element::kFloat64: return inspect_sequences<double>(dataset, column, report);
    default: return inspect_sequences<int64_t>(dataset, column, report);
  }
}

void inspect_codes(const Dataset& dataset, const Column& column, ColumnReport& report) {
  NumberCounter counter;
  RangeBuilder range(dataset.rows());
  const bool numbers = column.kind == Kind::kCategorical && column.dtype == DType::kInt64;
  each_value<int32_t>(dataset, column, [&](uint64_t row, int32_t code) {
    if (code < 0) return;
    counter.take(code);
    if (numbers) range.take(row, static_cast<double>(column.dictionary.integers[static_cast<std::size_t>(code)]));
  });
  counter.report(report, [&](int64_t code) {
    return column.kind == Kind::kLabel ? column.classes[static_cast<std::size_t>(code)] : column.dictionary.text(static_cast<int32_t>(code));
  });
  if (numbers) report.range = range.build();
}

void inspect_numbers(const Dataset& dataset, const Column& column, ColumnReport& report) {
  NumberCounter counter;
  RangeBuilder range(dataset.rows());
  auto take = [&](uint64_t row, double value) {
    if (std::isnan(value)) return;
    counter.take(bits_of(value));
    range.take(row, value);
  };
  each_value<double>(dataset, column, take);
  counter.report(report, [&](int64_t bits) {
    const double value = from_bits(bits);
    const bool known = !column.classes.empty() && value >= 0 && value < static_cast<double>(column.classes.size());
    return known ? column.classes[static_cast<std::size_t>(value)] : number_text(value, column.dtype == DType::kFloat32);
  });
  if (column.classes.empty()) report.range = range.build();
}

void inspect_integers(const Dataset& dataset, const Column& column, ColumnReport& report) {
  NumberCounter counter;
  RangeBuilder range(dataset.rows());
  const bool is_unsigned = column.dtype == DType::kUInt64;
  each_value<int64_t>(dataset, column, [&](uint64_t row, int64_t value) {
    if (value == kNoInteger && column.kind == Kind::kTime) return;
    counter.take(value);
    range.take(row, is_unsigned ? static_cast<double>(static_cast<uint64_t>(value)) : static_cast<double>(value));
  });
  counter.report(report, [&](int64_t value) {
    if (column.kind == Kind::kTime) return time_text(value);
    return is_unsigned ? std::to_string(static_cast<uint64_t>(value)) : std::to_string(value);
  });
  if (!report.top.empty() && report.top.front().second == 1) report.top.clear();
  report.range = range.build();
}

}  // namespace

DatasetReport inspect_dataset(const Dataset& dataset) {
  DatasetReport report;
  report.folder = dataset.folder().string();
  report.identity = dataset.identity();
  report.rows = dataset.rows();
  report.shards = dataset.shards().size();
  for (const Shard& shard : dataset.shards()) {
    report.bytes += shard.bytes;
    auto found = std::find_if(report.parts.begin(), report.parts.end(), [&](const auto& part) { return part.first == shard.part; });
    if (found == report.parts.end()) {
      report.parts.emplace_back(shard.part, shard.rows);
    } else {
      found->second += shard.rows;
    }
  }
  for (const Column& column : dataset.schema().columns) {
    ColumnReport entry;
    entry.name = column.name;
    entry.kind = column.kind;
    entry.dtype = column.dtype;
    entry.missing = column.missing;
    if (column.kind == Kind::kSequence) {
      inspect_sequences(dataset, column, entry);
    } else if (is_ragged(column)) {
      inspect_texts(dataset, column, entry);
    } else {
      switch (element_of(column)) {
        case Element::kInt32: inspect_codes(dataset, column, entry); break;
        case Element::kInt64:
        case Element::kUInt64: inspect_integers(dataset, column, entry); break;
        default: inspect_numbers(dataset, column, entry); break;
      }
    }
    report.columns.push_back(std::move(entry));
  }
  return report;
}

}  // namespace cohort::datasets
