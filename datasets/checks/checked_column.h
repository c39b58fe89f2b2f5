// A feature, the label and the cut as the checks see them: codes that ascend with the values.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "datasets/checks/part_values.h"

namespace cohort::datasets {

/// Values of rows as codes 0 … size−1 in ascending order of value; −1 is missing.
struct Codes {
  std::vector<int32_t> of_row;
  std::vector<float> values;  ///< of each code; empty for categories
  std::size_t size = 0;
};

/// NaN is missing; −0 is 0.
Codes code_numbers(std::span<const float> values);

/// One feature. Where parts have more than kCheckRows rows, what is counted (`counts`, `missing`, `constant`) still holds for all rows.
struct CheckedColumn {
  const Column* column = nullptr;
  bool ordered = false;                        ///< a number; else a category, whose codes are in no order that means anything
  Codes train;                                 ///< training rows of the sample, in stored order
  std::array<std::vector<float>, 4> others;    ///< ordered: values of validation and test rows of the sample, by part
  std::array<std::vector<uint64_t>, 4> counts;  ///< category: rows by code, by part
  std::array<uint64_t, 4> missing{};           ///< rows, by part
  bool constant = true;                        ///< no two training rows differ
};

/// Reads a dense or categorical column once. A float64 one is rounded to float32, as its feature is. Throws Error (damaged).
CheckedColumn read_checked_column(const Dataset& dataset, const Split& split, const Column& column, const RowSample& sample);

/// Share of distinct values among the known training rows of a number: of all rows that hold one of the values drawn by a key of the value, so that the
/// share is that of all rows (among rows drawn one by one, values repeat less). Looks at about `limit` rows. Reads the column once more.
double distinct_share(const Dataset& dataset, const Split& split, const Column& column, uint64_t limit);

/// The label of the training rows of the sample.
struct CheckedLabel {
  const Column* column = nullptr;
  std::vector<std::string> classes;  ///< names; empty where the label is a number
  Codes codes;                       ///< class indices, or codes of numbers
  std::vector<int32_t> judged;       ///< classes that are held against the rest: the most frequent ones of enough rows; for two classes the second
  bool is_class() const { return !classes.empty(); }
};
CheckedLabel read_checked_label(const Dataset& dataset, const Split& split, const Column& column, const RowSample& sample);

/// Times of the training rows of the sample.
std::vector<int64_t> read_train_times(const Dataset& dataset, const Split& split, const Column& column, const RowSample& sample);

}  // namespace cohort::datasets
