#include "datasets/inspect/inspect.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>

#include "core/error.h"
#include "core/utf8.h"
#include "datasets/store/element.h"
#include "datasets/io/time_format.h"
#include "datasets/import/value_table.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kTop = 5;
constexpr std::size_t kBars = 12;
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
    ++taken_;
  }
  /// The `most` most frequent values, ties in order of value; none where there are too many to count.
  std::vector<std::pair<Value, uint64_t>> most_frequent(std::size_t most) const {
    if (full_) return {};
    std::vector<int32_t> codes(counts_.size());
    for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<int32_t>(i);
    const auto more = [&](int32_t a, int32_t b) {
      const uint64_t x = counts_[static_cast<std::size_t>(a)], y = counts_[static_cast<std::size_t>(b)];
      return x != y ? x > y : table_.value(a) < table_.value(b);
    };
    const std::size_t top = std::min(most, codes.size());
    std::partial_sort(codes.begin(), codes.begin() + static_cast<std::ptrdiff_t>(top), codes.end(), more);
    std::vector<std::pair<Value, uint64_t>> values;
    for (std::size_t i = 0; i < top; ++i) values.emplace_back(table_.value(codes[i]), counts_[static_cast<std::size_t>(codes[i])]);
    return values;
  }
  template <class Text>
  void report(ColumnReport& out, Text text) const {
    out.distinct = table_.size();
    out.distinct_exact = !full_;
    for (const auto& [value, rows] : most_frequent(kTop)) out.top.emplace_back(text(value), rows);
  }
  /// Values taken, repetitions included.
  uint64_t taken() const { return taken_; }

 private:
  Table table_;
  std::vector<uint64_t> counts_;
  uint64_t taken_ = 0;
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

/// Figures of the numbers of one column; what isn't taken is missing.
class RangeBuilder {
 public:
  RangeBuilder(const DatasetReport& dataset, uint64_t rows) : dataset_(dataset), sample_((rows + dataset.stride - 1) / dataset.stride, std::nan("")) {}

  void take(uint64_t row, double value) {
    ++count_;
    low_ = std::min(low_, value);
    high_ = std::max(high_, value);
    // Welford 1962, "Note on a method for calculating corrected sums of squares and products".
    const double delta = value - mean_;
    mean_ += delta / static_cast<double>(count_);
    squares_ += delta * (value - mean_);
    if (row % dataset_.stride == 0) sample_[row / dataset_.stride] = value;
  }

  /// Range and quantiles, where `with_range`, and histograms.
  void build(ColumnReport& out, bool with_range = true) const {
    if (count_ == 0) return;
    std::vector<double> sorted;
    std::copy_if(sample_.begin(), sample_.end(), std::back_inserter(sorted), [](double value) { return !std::isnan(value); });
    std::sort(sorted.begin(), sorted.end());
    if (with_range) {
      out.range = {low_, high_, mean_, count_ > 1 ? std::sqrt(squares_ / static_cast<double>(count_ - 1)) : 0, {}, dataset_.stride == 1};
      for (double share : kInspectQuantiles) {
        if (sorted.empty()) break;
        const auto n = static_cast<double>(sorted.size());
        const auto index = static_cast<std::size_t>(std::max(0.0, std::ceil(share * n) - 1));
        out.range->quantiles.push_back(sorted[std::min(index, sorted.size() - 1)]);
      }
    }
    if (sorted.empty() || out.kind == Kind::kId) return;
    // A label's rates by its own values tell nothing.
    const LabelSample& label = out.name == dataset_.label.name ? kNoLabel : dataset_.label;
    if (out.kind == Kind::kTime) out.histograms.push_back(make_time_histogram(sample_, sorted, label));
    else out.histograms = make_histograms(sample_, sorted, label);
    if (label.known()) {
      for (std::size_t i = 0; i < sample_.size(); ++i) {
        if (std::isnan(sample_[i])) label.add(i, out.without.label);
      }
    }
  }

 private:
  static inline const LabelSample kNoLabel{};
  const DatasetReport& dataset_;
  uint64_t count_ = 0;
  double low_ = std::numeric_limits<double>::infinity(), high_ = -std::numeric_limits<double>::infinity();
  double mean_ = 0, squares_ = 0;
  std::vector<double> sample_;
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

void inspect_texts(const Dataset& dataset, const Column& column, const DatasetReport& all, ColumnReport& report) {
  Counter<StringTable, std::string_view> counter;
  RangeBuilder lengths(all, dataset.rows());
  std::vector<std::string> values;
  uint64_t bytes = 0;
  for (uint64_t done = 0; done < dataset.rows(); done += values.size()) {
    dataset.read(column, done, values, std::min(dataset.rows() - done, dataset.chunk_rows()));
    for (std::size_t i = 0; i < values.size(); ++i) {
      bytes += values[i].size();
      if (values[i].empty()) continue;
      counter.take(values[i]);
      lengths.take(done + i, static_cast<double>(core::utf8_length(values[i])));
    }
  }
  counter.report(report, [](std::string_view text) { return std::string(text); });
  // Values that all differ have no most frequent ones.
  if (!report.top.empty() && report.top.front().second == 1) report.top.clear();
  report.mean_length = dataset.rows() == 0 ? 0 : static_cast<double>(bytes) / static_cast<double>(dataset.rows());
  lengths.build(report, false);
}

/// Bars of the most frequent codes. `of_row` are the codes of the sample's rows, for the label's rates; empty for none.
template <class Text>
void make_bars(const NumberCounter& counter, std::size_t codes, const std::vector<int32_t>& of_row, const LabelSample& label, Text text, ColumnReport& report) {
  report.rest.rows = counter.taken();
  std::vector<std::ptrdiff_t> bar_of(codes, -1);
  for (const auto& [code, rows] : counter.most_frequent(kBars)) {
    bar_of[static_cast<std::size_t>(code)] = static_cast<std::ptrdiff_t>(report.bars.size());
    report.bars.push_back({text(code), rows, {}});
    report.rest.rows -= rows;
  }
  if (!label.known() || label.name == report.name) return;
  for (std::size_t i = 0; i < of_row.size(); ++i) {
    const std::ptrdiff_t bar = of_row[i] < 0 ? -1 : bar_of[static_cast<std::size_t>(of_row[i])];
    label.add(i, of_row[i] < 0 ? report.without.label : bar < 0 ? report.rest.label : report.bars[static_cast<std::size_t>(bar)].label);
  }
}

/// Lengths and, of categorical elements, the most frequent ones.
template <class T>
void inspect_sequences(const Dataset& dataset, const Column& column, const DatasetReport& all, ColumnReport& report) {
  NumberCounter counter;
  RangeBuilder lengths(all, dataset.rows());
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
  const auto text = [&](int64_t code) { return column.dictionary.text(static_cast<int32_t>(code)); };
  counter.report(report, text);
  make_bars(counter, column.dictionary.size(), {}, all.label, text, report);
  lengths.build(report);
  report.mean_length = dataset.rows() == 0 ? 0 : static_cast<double>(elements) / static_cast<double>(dataset.rows());
}

void inspect_sequences(const Dataset& dataset, const Column& column, const DatasetReport& all, ColumnReport& report) {
  switch (element_of(column)) {
    case Element::kInt32: return inspect_sequences<int32_t>(dataset, column, all, report);
    case Element::kFloat32: return inspect_sequences<float>(dataset, column, all, report);
    case Element::kFloat64: return inspect_sequences<double>(dataset, column, all, report);
    default: return inspect_sequences<int64_t>(dataset, column, all, report);
  }
}

void inspect_codes(const Dataset& dataset, const Column& column, const DatasetReport& all, ColumnReport& report) {
  NumberCounter counter;
  RangeBuilder range(all, dataset.rows());
  const bool is_label = column.kind == Kind::kLabel, numbers = !is_label && column.dtype == DType::kInt64;
  std::vector<int32_t> sample;
  each_value<int32_t>(dataset, column, [&](uint64_t row, int32_t code) {
    if (row % all.stride == 0) sample.push_back(code);
    if (code < 0) return;
    counter.take(code);
    if (numbers) range.take(row, static_cast<double>(column.dictionary.integers[static_cast<std::size_t>(code)]));
  });
  const auto text = [&](int64_t code) { return is_label ? column.classes[static_cast<std::size_t>(code)] : column.dictionary.text(static_cast<int32_t>(code)); };
  counter.report(report, text);
  if (numbers) range.build(report);
  // Numbers that name something are drawn as bars.
  report.histograms.clear();
  report.without.label = {};
  make_bars(counter, is_label ? column.classes.size() : column.dictionary.size(), sample, all.label, text, report);
}

void inspect_numbers(const Dataset& dataset, const Column& column, const DatasetReport& all, ColumnReport& report) {
  NumberCounter counter, classes;
  RangeBuilder range(all, dataset.rows());
  const auto known = [&](double value) { return value >= 0 && value < static_cast<double>(column.classes.size()); };
  auto take = [&](uint64_t row, double value) {
    if (std::isnan(value)) return;
    counter.take(bits_of(value));
    if (known(value)) classes.take(static_cast<int64_t>(value));
    range.take(row, value);
  };
  each_value<double>(dataset, column, take);
  counter.report(report, [&](int64_t bits) {
    const double value = from_bits(bits);
    return known(value) ? column.classes[static_cast<std::size_t>(value)] : number_text(value, column.dtype == DType::kFloat32);
  });
  if (column.classes.empty()) range.build(report);
  else make_bars(classes, column.classes.size(), {}, all.label, [&](int64_t value) { return column.classes[static_cast<std::size_t>(value)]; }, report);
}

void inspect_integers(const Dataset& dataset, const Column& column, const DatasetReport& all, ColumnReport& report) {
  NumberCounter counter;
  RangeBuilder range(all, dataset.rows());
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
  range.build(report);
}

void inspect_column(const Dataset& dataset, const Column& column, const DatasetReport& all, ColumnReport& report) {
  if (column.kind == Kind::kSequence) return inspect_sequences(dataset, column, all, report);
  if (is_ragged(column)) return inspect_texts(dataset, column, all, report);
  switch (element_of(column)) {
    case Element::kInt32: return inspect_codes(dataset, column, all, report);
    case Element::kInt64:
    case Element::kUInt64: return inspect_integers(dataset, column, all, report);
    default: return inspect_numbers(dataset, column, all, report);
  }
}

}  // namespace

DatasetReport inspect_dataset(const Dataset& dataset, const std::string& label) {
  DatasetReport report;
  report.folder = dataset.folder().string();
  report.identity = dataset.identity();
  report.rows = dataset.rows();
  report.shards = dataset.shards().size();
  report.files = dataset.shards();
  report.stride = std::max<uint64_t>(1, (dataset.rows() + kMaxSorted - 1) / kMaxSorted);
  report.label = read_label_sample(dataset, label, report.stride);
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
    entry.feature = column.feature;
    entry.missing = entry.without.rows = column.missing;
    inspect_column(dataset, column, report, entry);
    report.columns.push_back(std::move(entry));
  }
  return report;
}

}  // namespace cohort::datasets
