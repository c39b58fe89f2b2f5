// How the values of a column are distributed, and how the label goes with them: what a chart draws.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "datasets/store/dataset.h"

namespace cohort::datasets {

/// The label of the rows with some value. All counts are of rows of the sample.
struct LabelTally {
  uint64_t rows = 0;                ///< with a label
  std::vector<uint64_t> classes;    ///< rows of each class shown
  double sum = 0, squares = 0;      ///< of a label that is a number
};

/// The label of the rows of the sample.
struct LabelSample {
  std::string name;                 ///< "" for a dataset without a label: nothing is tallied
  std::vector<std::string> shown;   ///< of two classes the second, of more the five most frequent; empty for a number
  std::vector<int32_t> class_of;    ///< index into `shown`, −1 for another class, by row of the sample
  std::vector<float> numbers;       ///< NaN is missing
  LabelTally all;

  bool known() const { return !name.empty(); }
  bool is_number() const { return known() && shown.empty(); }
  void add(std::size_t row, LabelTally& tally) const;
};

/// Reads the label of rows 0, stride, 2·stride, …; "" takes the first label column. Throws Error (usage) where a named one isn't there or is no label.
LabelSample read_label_sample(const Dataset& dataset, const std::string& name, uint64_t stride);

enum class Scale {
  kLinear,
  kLog,       ///< bins are equally wide in asinh(value/unit): linear near 0, logarithmic beyond
  kWhole,     ///< one bin a whole number
  kPeriods,   ///< bins are calendar periods of times
};
std::string to_string(Scale scale);  ///< "linear", "log", "whole", "periods"

struct Histogram {
  Scale scale = Scale::kLinear;
  double unit = 1;                  ///< kLog: where linear becomes logarithmic
  std::string period;               ///< kPeriods: minute, hour, day, week, month, quarter, year
  std::vector<double> edges;        ///< bin i holds [edges[i], edges[i+1]); none of the values equals the last edge
  std::vector<uint64_t> rows;
  std::vector<LabelTally> labels;   ///< by bin; empty without a label
  uint64_t below = 0, above = 0;    ///< rows outside the edges
};

/// Histograms of the values of a sample (NaN is missing): one, and a second one on a logarithmic scale where tails are long.
/// `sorted` are the values without NaN, ascending.
std::vector<Histogram> make_histograms(std::span<const double> values, std::span<const double> sorted, const LabelSample& label);

/// A histogram of times in seconds UTC, over calendar periods: at most about 60.
Histogram make_time_histogram(std::span<const double> values, std::span<const double> sorted, const LabelSample& label);

/// A value, and how often it occurs.
struct CategoryBar {
  std::string value;
  uint64_t rows = 0;
  LabelTally label;
};

/// First second of the period that holds a time, and of the one after it.
int64_t period_start(int64_t seconds, const std::string& period);
int64_t next_period(int64_t start, const std::string& period);

}  // namespace cohort::datasets
