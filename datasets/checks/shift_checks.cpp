#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "core/stats/multiple_tests.h"
#include "core/stats/population_stability.h"
#include "datasets/checks/check_context.h"

namespace cohort::datasets {
namespace {

// The law of the index is good where the smaller sample expects ten rows in a bin.
constexpr double kLeastExpected = 10;
constexpr std::size_t kMostCategories = 50;
constexpr std::size_t kTrainPart = static_cast<std::size_t>(Part::kTrain);

struct BinCounts {
  std::vector<uint64_t> train, other;

  void add(uint64_t of_train, uint64_t of_other) {
    train.push_back(of_train);
    other.push_back(of_other);
  }
};

double rows_in_bins(const BinCounts& bins) {
  return static_cast<double>(std::accumulate(bins.train.begin(), bins.train.end(), uint64_t{0}) + std::accumulate(bins.other.begin(), bins.other.end(), uint64_t{0}));
}

/// Whether a bin of that many rows of both samples, out of `rows`, is large enough.
struct BinRule {
  double rows, smaller_sample;
  bool enough(uint64_t train, uint64_t other) const { return static_cast<double>(train + other) / rows * smaller_sample >= kLeastExpected; }
};

/// Upper ends (as codes) of at most `bins` bins of about equally many training rows; equal values stay together.
std::vector<int32_t> quantile_ends(const Codes& train, const std::vector<uint64_t>& code_rows, std::size_t bins) {
  const uint64_t rows = std::accumulate(code_rows.begin(), code_rows.end(), uint64_t{0});
  std::vector<int32_t> ends;
  uint64_t below = 0, next = 1;
  for (std::size_t code = 0; code < train.size; ++code) {
    below += code_rows[code];
    if (below * bins < next * rows) continue;
    ends.push_back(static_cast<int32_t>(code));
    next = below * bins / rows + 1;
  }
  return ends;
}

/// Bins of a number, missing ones last. Small bins go to a neighbour; too few missing values are left out.
BinCounts number_bins(const CheckedColumn& column, Part part, std::size_t bins, double smaller_sample) {
  const Codes& train = column.train;
  std::vector<uint64_t> code_rows(train.size, 0);
  uint64_t train_missing = 0, other_missing = 0;
  for (const int32_t code : train.of_row) {
    if (code < 0) ++train_missing;
    else ++code_rows[static_cast<std::size_t>(code)];
  }
  const std::vector<int32_t> ends = quantile_ends(train, code_rows, bins);
  std::vector<float> upper;
  for (const int32_t end : ends) upper.push_back(train.values[static_cast<std::size_t>(end)]);
  BinCounts counts;
  counts.train.resize(ends.size());
  counts.other.resize(ends.size());
  for (std::size_t bin = 0, code = 0; bin < ends.size(); ++bin) {
    for (; code <= static_cast<std::size_t>(ends[bin]); ++code) counts.train[bin] += code_rows[code];
  }
  for (const float value : column.others[static_cast<std::size_t>(part)]) {
    if (std::isnan(value) || ends.empty()) {
      ++other_missing;
      continue;
    }
    const auto bin = static_cast<std::size_t>(std::lower_bound(upper.begin(), upper.end(), value) - upper.begin());
    ++counts.other[std::min(bin, ends.size() - 1)];
  }
  const BinRule rule{rows_in_bins(counts) + static_cast<double>(train_missing + other_missing), smaller_sample};
  BinCounts merged;
  uint64_t held_train = 0, held_other = 0;
  for (std::size_t bin = 0; bin < ends.size(); ++bin) {
    held_train += counts.train[bin];
    held_other += counts.other[bin];
    if (!rule.enough(held_train, held_other)) continue;
    merged.add(held_train, held_other);
    held_train = held_other = 0;
  }
  if (!merged.train.empty()) merged.train.back() += held_train, merged.other.back() += held_other;
  if (rule.enough(train_missing, other_missing)) merged.add(train_missing, other_missing);
  return merged;
}

/// Bins of a category: the most frequent values of both samples, all others as one, missing ones as one.
BinCounts category_bins(const CheckedColumn& column, Part part, double smaller_sample) {
  const auto& train = column.counts[kTrainPart];
  const auto& other = column.counts[static_cast<std::size_t>(part)];
  const uint64_t train_missing = column.missing[kTrainPart], other_missing = column.missing[static_cast<std::size_t>(part)];
  double rows = static_cast<double>(train_missing + other_missing);
  for (std::size_t code = 0; code < train.size(); ++code) rows += static_cast<double>(train[code] + other[code]);
  const BinRule rule{rows, smaller_sample};
  std::vector<std::size_t> frequent;
  uint64_t rest_train = 0, rest_other = 0;
  for (std::size_t code = 0; code < train.size(); ++code) {
    if (rule.enough(train[code], other[code])) frequent.push_back(code);
    else rest_train += train[code], rest_other += other[code];
  }
  std::stable_sort(frequent.begin(), frequent.end(), [&](std::size_t a, std::size_t b) { return train[a] + other[a] > train[b] + other[b]; });
  BinCounts counts;
  for (std::size_t i = 0; i < frequent.size(); ++i) {
    const std::size_t code = frequent[i];
    if (i < kMostCategories) counts.add(train[code], other[code]);
    else rest_train += train[code], rest_other += other[code];
  }
  if (rule.enough(rest_train, rest_other)) counts.add(rest_train, rest_other);
  if (rule.enough(train_missing, other_missing)) counts.add(train_missing, other_missing);
  return counts;
}

}  // namespace

void measure_shift(const CheckContext& context, const CheckedColumn& column, ColumnOutcome& outcome) {
  const ShiftOptions& options = context.options.shift;
  if (options.severity == "off") return;
  const double n = context.basis.effective[kTrainPart];
  for (const Part part : {Part::kValid, Part::kTest}) {
    if (context.split.size(part) == 0) continue;
    const double m = context.basis.effective[static_cast<std::size_t>(part)], smaller = std::min(n, m);
    const auto bins = static_cast<std::size_t>(std::min(static_cast<double>(options.bins), std::floor(smaller / kLeastExpected)));
    if (bins < 2) continue;
    const BinCounts counts = column.ordered ? number_bins(column, part, bins, smaller) : category_bins(column, part, smaller);
    const core::Stability stability = core::population_stability(counts.train, counts.other, n, m);
    if (stability.bins >= 2) outcome.measures.shift.push_back({to_string(part), stability.index, stability.p_value, stability.bins});
  }
}

std::vector<Finding> shift_findings(const ShiftOptions& options, const std::array<double, 4>& effective, const std::vector<ColumnMeasures>& columns) {
  std::vector<double> p_values;
  for (const ColumnMeasures& column : columns) {
    for (const ShiftMeasure& shift : column.shift) p_values.push_back(shift.p_value);
  }
  const core::Discoveries discoveries = core::benjamini_hochberg(p_values, options.rate);
  std::vector<Finding> findings;
  for (const ColumnMeasures& column : columns) {
    const ShiftMeasure* worst = nullptr;
    for (const ShiftMeasure& shift : column.shift) {
      if (shift.p_value <= discoveries.largest && shift.index >= options.index && (worst == nullptr || shift.index > worst->index)) worst = &shift;
    }
    const auto severity = severity_under(options.severity, Severity::kError);
    if (worst == nullptr || !severity) continue;
    const double n = effective[kTrainPart], m = effective[static_cast<std::size_t>(worst->part == "test" ? Part::kTest : Part::kValid)];
    const double by_chance = core::stability_limit(static_cast<int>(worst->bins), n, m, discoveries.level);
    findings.push_back({"shift", column.column, *severity, worst->index, std::max(options.index, by_chance),
                        fmt::format("column {} is distributed otherwise in the {} rows than in the training rows: population stability index {:.3f}, "
                                    "where chance gives at most {:.3f} over {} bins",
                                    quoted(column.column), worst->part == "test" ? "test" : "validation", worst->index, by_chance, worst->bins),
                        "train on newer rows where times have changed, else look at how the parts were made; or " + usual_remedy(column.column, "shift")});
  }
  return findings;
}

}  // namespace cohort::datasets
