// The `[checks]` table: what the gate before step 1 looks for, and what it does about it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/options.h"
#include "datasets/schema.h"

namespace cohort::datasets {

// `severity` is the same in each check: "error" takes findings as they are (those that are weaker are warnings), "warning" makes errors
// warnings, "off" leaves the check out.

/// The label once more: a feature whose values, or whose missing values, stand one for one for the label's.
struct LabelCopyOptions {
  std::string severity = "error";
  double agreement = 0.99;  ///< from this Cohen's κ on
  static void describe(core::Describe<LabelCopyOptions>& d);
};

/// One feature alone ranks the rows almost as the label does.
struct SingleFeatureOptions {
  std::string severity = "error";
  double auc = 0.99, auc_warning = 0.95;       ///< of classes, each against the rest
  double rank = 0.999, rank_warning = 0.99;    ///< |Spearman| with a label that is a number
  static void describe(core::Describe<SingleFeatureOptions>& d);
};

/// Almost every row has a value of its own.
struct IdLikeOptions {
  std::string severity = "error";
  double distinct = 0.95;  ///< from this share of distinct values on
  static void describe(core::Describe<IdLikeOptions>& d);
};

/// What was known only after the moment for which the model predicts.
struct AfterCutOptions {
  std::string severity = "error";
  std::string cut;         ///< a time, ISO 8601: no feature may know what came after it
  std::string cut_column;  ///< a time column: each row's own cut; "": split.column of a split by time
  std::vector<std::string> available_at;  ///< "COLUMN=TIME" or "COLUMN=TIME COLUMN": when a column's value became known
  double share = 0.001;    ///< more than this share of late rows is a finding
  static void describe(core::Describe<AfterCutOptions>& d);
};

/// Values of categorical features that the training rows don't have.
struct UnseenOptions {
  std::string severity = "error";
  double share = 0.5, warning = 0.1;  ///< of the validation or test rows
  static void describe(core::Describe<UnseenOptions>& d);
};

/// Features of one value, or of none.
struct ConstantOptions {
  std::string severity = "warning";
  static void describe(core::Describe<ConstantOptions>& d);
};

/// Validation or test rows of another distribution than the training rows.
struct ShiftOptions {
  std::string severity = "warning";
  double rate = 0.01;  ///< false discovery rate over all columns (Benjamini–Hochberg)
  double index = 0.1;  ///< a population stability index below it is no finding, however many rows prove it
  int64_t bins = 10;   ///< of numbers; fewer where rows are few
  static void describe(core::Describe<ShiftOptions>& d);
};

struct CheckOptions {
  bool enabled = true;
  std::string on_finding = "fail";  ///< fail: errors stop the run; warn: they are logged
  std::vector<std::string> allow;   ///< "COLUMN:CHECK", either may be "*"
  LabelCopyOptions label_copy;
  SingleFeatureOptions single_feature;
  IdLikeOptions id_like;
  AfterCutOptions after_cut;
  UnseenOptions unseen_values;
  ConstantOptions constant;
  ShiftOptions shift;
  static void describe(core::Describe<CheckOptions>& d);
};

/// Names of the checks, as in the options and findings.
const std::vector<std::string>& gate_checks();

/// Mistakes that only the schema shows: columns and checks that don't exist, times that can't be read. Reported under `path` ("checks").
void check_options(const CheckOptions& options, const Schema& schema, const std::string& path, core::Diagnostics& diagnostics);

/// An entry of `allow`, cut at its last colon.
struct Allowance {
  std::string column, check;  ///< check is "" where the entry has no colon
  bool covers(const std::string& a_column, const std::string& a_check) const {
    return (column == "*" || column == a_column) && (check == "*" || check == a_check);
  }
};
Allowance parse_allowance(const std::string& entry);

}  // namespace cohort::datasets
