// Rows of a synthetic generator in memory, and a few statistics of columns.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "datasets/synth/generators.h"

namespace cohort::datasets {

struct SynthRows {
  template <class Options>
  SynthRows(const std::string& name, const Options& options, uint64_t rows, uint64_t seed = 1, uint64_t first = 0) {
    const Generator& made = generator(name);
    schema = made.schema(&options);
    made.filler(&options, seed)(first, rows, block);
  }

  const ColumnBlock& at(const std::string& name) const {
    for (std::size_t c = 0; c < schema.columns.size(); ++c)
      if (schema.columns[c].name == name) return block.columns[c];
    throw std::out_of_range("no column " + name);
  }
  const std::vector<float>& floats(const std::string& name) const { return at(name).floats; }
  const std::vector<int32_t>& codes(const std::string& name) const { return at(name).ints; }
  /// Elements of row i of a sequence.
  std::span<const float> floats_of(const std::string& name, std::size_t i) const { return elements(at(name), at(name).floats, i); }
  std::span<const int32_t> codes_of(const std::string& name, std::size_t i) const { return elements(at(name), at(name).ints, i); }
  std::span<const int64_t> times_of(const std::string& name, std::size_t i) const { return elements(at(name), at(name).longs, i); }

  Schema schema;
  RowBlock block;

 private:
  template <class T>
  static std::span<const T> elements(const ColumnBlock& column, const std::vector<T>& values, std::size_t i) {
    const auto begin = static_cast<std::size_t>(i == 0 ? 0 : column.ends[i - 1]);
    return std::span(values).subspan(begin, static_cast<std::size_t>(column.ends[i]) - begin);
  }
};

template <class Values>
double mean_of(const Values& values) {
  double sum = 0;
  for (const auto value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

template <class One, class Other>
double correlation_of(const One& one, const Other& other) {
  const double a = mean_of(one), b = mean_of(other);
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < one.size(); ++i) {
    ab += (one[i] - a) * (other[i] - b);
    aa += (one[i] - a) * (one[i] - a);
    bb += (other[i] - b) * (other[i] - b);
  }
  return ab / std::sqrt(aa * bb);
}

/// Labels drawn with the probabilities: how many standard deviations their sum lies from its mean.
inline double calibration_z(std::span<const float> label, std::span<const float> probability) {
  double difference = 0, variance = 0;
  for (std::size_t i = 0; i < label.size(); ++i) {
    const double p = probability[i];
    difference += label[i] - p;
    variance += p * (1 - p);
  }
  return difference / std::sqrt(variance);
}

/// The largest of |calibration_z| in ten groups of rows of rising probability.
inline double worst_decile_z(const std::vector<float>& label, const std::vector<float>& probability) {
  std::vector<std::size_t> order(label.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return probability[a] < probability[b]; });
  double worst = 0;
  for (std::size_t group = 0; group < 10; ++group) {
    std::vector<float> labels, probabilities;
    for (std::size_t i = group * order.size() / 10; i < (group + 1) * order.size() / 10; ++i) {
      labels.push_back(label[order[i]]);
      probabilities.push_back(probability[order[i]]);
    }
    worst = std::max(worst, std::fabs(calibration_z(labels, probabilities)));
  }
  return worst;
}

/// The share of pairs (positive, negative) that `score` ranks rightly; ties count half.
template <class Score>
double auc_of(const std::vector<Score>& score, const std::vector<float>& label) {
  std::vector<std::size_t> order(score.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return score[a] < score[b]; });
  double below = 0, right = 0, positive = 0;
  for (std::size_t i = 0; i < order.size();) {
    double tied_positive = 0, tied_negative = 0;
    const Score value = score[order[i]];
    for (; i < order.size() && score[order[i]] == value; ++i) (label[order[i]] > 0 ? tied_positive : tied_negative) += 1;
    right += tied_positive * (below + tied_negative / 2);
    below += tied_negative;
    positive += tied_positive;
  }
  return right / positive / below;
}

}  // namespace cohort::datasets
