// Which rule takes which column.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "datasets/features/features.h"

namespace cohort::datasets {

/// The rules, and each pair of a rule and a column that makes a feature, in the order of rules, then of columns.
struct FeaturePlan {
  struct Pick {
    std::size_t rule = 0;
    const Column* column = nullptr;  ///< inside the schema planned for
  };
  std::vector<DenseRule> dense_rules;
  std::vector<CategoricalRule> categorical_rules;
  std::vector<SequenceRule> sequence_rules;
  std::vector<Pick> dense, categorical, sequences;
};

/// A mistake in the rules: `path` is relative to the features' table, e.g. "dense[0].columns[1]".
struct RuleMistake {
  std::string path, message, remedy;
};

/// Names in `not_features` and columns flagged as no feature are left out by "*" and are a mistake where a rule names them.
FeaturePlan plan_features(const FeatureOptions& options, const Schema& schema, const std::vector<std::string>& not_features,
                          std::vector<RuleMistake>& mistakes);

}  // namespace cohort::datasets
