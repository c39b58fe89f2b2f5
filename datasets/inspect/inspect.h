// What is in a dataset, column by column.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "datasets/inspect/distribution.h"
#include "datasets/store/dataset.h"

namespace cohort::datasets {

struct ColumnReport {
  std::string name;
  Kind kind = Kind::kDense;
  DType dtype = DType::kFloat32;
  bool feature = true;         ///< false: marked as no feature
  uint64_t missing = 0;
  uint64_t distinct = 0;
  bool distinct_exact = true;  ///< else there are more than `distinct`
  /// Numbers, times (seconds), and the lengths of sequences. Quantiles 1, 5, 25, 50, 75, 95 and 99 %: the smallest value that at least that share of the values
  /// doesn't exceed; from an even sample of the rows where there are more than 10 million.
  struct Range {
    double min = 0, max = 0, mean = 0, deviation = 0;
    std::vector<double> quantiles;
    bool exact = true;
  };
  std::optional<Range> range;
  std::vector<std::pair<std::string, uint64_t>> top;  ///< most frequent values, ties in order of value
  double mean_length = 0;                             ///< texts and string ids: bytes; sequences: elements
  /// Numbers, times, lengths of texts (characters) and of sequences. A second one on a logarithmic scale where tails are long. Of the
  /// rows of the sample; none for ids, and for text without letters.
  std::vector<Histogram> histograms;
  /// Categories and classes, of sequences their elements: the most frequent values, ties in order of value, then what others there are.
  std::vector<CategoryBar> bars;
  CategoryBar rest, without;                          ///< all other values together; rows without one
};

inline const std::vector<double> kInspectQuantiles{0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99};

struct DatasetReport {
  std::string folder;
  std::string identity;
  uint64_t rows = 0;
  uint64_t bytes = 0;
  uint64_t shards = 0;
  std::vector<std::pair<std::string, uint64_t>> parts;  ///< rows by part, in stored order
  std::vector<Shard> files;
  LabelSample label;      ///< whose rates stand beside the values
  uint64_t stride = 1;    ///< every so manieth row is in the sample that histograms and label rates are made of
  std::vector<ColumnReport> columns;
};

/// Reads every column once, the label twice. Memory: one column's numbers (at most 10 million, three times) or its distinct values up to a
/// limit, and the label. `label` names the label whose rates are wanted; "" takes the first. Throws Error: usage where that isn't a label,
/// damaged.
DatasetReport inspect_dataset(const Dataset& dataset, const std::string& label = {});

nlohmann::ordered_json to_json(const DatasetReport& report);
/// A table for people, a line a column.
std::string to_text(const DatasetReport& report);
/// One HTML page that needs nothing else: charts as inline SVG, each with its figures as a table.
std::string to_html(const DatasetReport& report);

}  // namespace cohort::datasets
