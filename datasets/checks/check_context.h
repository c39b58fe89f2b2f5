// What all checks of one run share, and where they put what they find.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "datasets/checks/check_options.h"
#include "datasets/checks/checked_column.h"
#include "datasets/checks/finding.h"
#include "datasets/checks/time_source.h"

namespace cohort::datasets {

/// Fewer training rows than this prove nothing about a column.
inline constexpr std::size_t kLeastRows = 50;

/// Up to that many rows of a part everything is exact; of more, about as many are looked at where values must be sorted. A share or an AUC is then known to
/// within a few ten-thousandths, far less than what the limits of the checks leave.
inline constexpr uint64_t kCheckRows = 2'000'000;

/// What is made once; then read-only for all threads.
struct CheckBasis {
  RowSample sample;
  uint64_t sample_rows = kCheckRows;      ///< of a part, at most (nearly)
  CheckedLabel label;
  std::vector<uint8_t> folds;             ///< of the training rows of the sample: 0 … kFolds−1
  std::array<double, 4> effective{};      ///< effective rows of each part: fewer than its rows where rows come in groups
  TimeSource cut;
  std::vector<int64_t> cut_times;         ///< of the training rows of the sample; empty where the cut is no column
};

/// What one thread checks columns with. The dataset is that thread's own.
struct CheckContext {
  const Dataset& dataset;
  const Split& split;
  const CheckOptions& options;
  const CheckBasis& basis;
};

inline constexpr uint64_t kFolds = 5;

/// What one rank found about one column.
struct ColumnOutcome {
  ColumnMeasures measures;
  std::vector<Finding> findings;
};

/// The severity of a finding of this strength under a check's option; nothing where the check is off.
std::optional<Severity> severity_under(const std::string& option, Severity strength);

/// "leave it out …, or accept it …", with the column quoted for TOML.
std::string usual_remedy(const std::string& column, const std::string& check);

/// "x" in quotes, and "12.3 %".
std::string quoted(const std::string& column);
std::string percent_text(double share);

// One call a column and kind of check. All are local and touch nothing but `outcome`.

/// label_copy and single_feature.
void check_against_label(const CheckContext& context, const CheckedColumn& column, ColumnOutcome& outcome);
/// id_like, constant and unseen_values.
void check_own_values(const CheckContext& context, const CheckedColumn& column, ColumnOutcome& outcome);
/// after_cut for a feature.
void check_feature_times(const CheckContext& context, const CheckedColumn& column, ColumnOutcome& outcome);
/// after_cut for a column of kind time, which no feature is made of as it is.
void check_time_column(const CheckContext& context, const Column& column, ColumnOutcome& outcome);
/// Population stability of the other parts against the training rows, into `outcome.measures.shift`.
void measure_shift(const CheckContext& context, const CheckedColumn& column, ColumnOutcome& outcome);
/// The findings of shift, once all columns are measured: it takes all p-values to say which of them are no chance.
std::vector<Finding> shift_findings(const ShiftOptions& options, const std::array<double, 4>& effective, const std::vector<ColumnMeasures>& columns);

}  // namespace cohort::datasets
