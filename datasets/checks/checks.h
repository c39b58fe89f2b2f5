// The gate before step 1: what in the data would make a training run worthless.
#pragma once

#include <string>
#include <vector>

#include "core/comm/communicator.h"
#include "datasets/checks/check_options.h"
#include "datasets/checks/finding.h"
#include "datasets/features/features.h"
#include "datasets/split/split.h"

namespace cohort::datasets {

/// What is looked at. All of it must outlive the call.
struct CheckInput {
  const Dataset& dataset;
  const Split& split;
  const SplitOptions& split_options;
  const FeatureOptions& features;         ///< columns that are features are judged
  std::vector<std::string> not_features;  ///< label and weight
  std::string label;
  int threads = 1;                        ///< that look at columns; no part of the result
};

/// Collective. Reads every feature once (numbers that look like ids twice), a column by one thread of one rank; the report is equal on all ranks, and for any
/// number of ranks and threads. Shows progress.
///
/// Looked at are the training rows, and for `unseen_values` and `shift` the others too. Weights are left aside. All is exact up to kCheckRows (2 million)
/// rows a part; of more rows a keyed sample of about as many is taken where values must be sorted, all rows elsewhere. Memory of a rank: a bit a row, and for each
/// thread up to about 40 bytes a row looked at, and one column's dictionary counts. `exact_rows` is kCheckRows but for tests.
///
///   label_copy      Cohen's κ of the best one-to-one match between values and classes; of "missing" and a class; of equality with a number
///   single_feature  AUC of the value, of being missing, and (categories, and numbers of few values) of the label's rate in other folds;
///                   |Spearman| for a label that is a number
///   id_like         share of distinct values; whether a number follows the row number, or is whole and repeats less than chance would
///   after_cut       values, or the time they became known at (`available_at`), against the row's cut
///   unseen_values   share of validation and test rows whose category training doesn't have
///   constant        one value, or none
///   shift           population stability index, χ² law, Benjamini–Hochberg over columns and parts, and a floor of the index
///
/// Where a split by hash keeps the rows of an id together, a part counts as (Σ rows)²/Σ rows² independent rows over its ids (Kish, "Survey
/// sampling", 1965, § 11.7, for values that are the same in all rows of an id). Throws Error (usage, damaged).
CheckReport run_checks(const CheckInput& input, const CheckOptions& options, core::Communicator& comm, uint64_t exact_rows = UINT64_MAX);

}  // namespace cohort::datasets
