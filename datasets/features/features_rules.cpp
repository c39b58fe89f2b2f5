#include "datasets/features/features_rules.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "core/error.h"
#include "core/toml_document.h"

namespace cohort::datasets {
namespace {

bool contains(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

class Planner {
 public:
  Planner(const FeatureOptions& options, const Schema& schema, const std::vector<std::string>& not_features,
          std::vector<RuleMistake>& mistakes)
      : options_(options), schema_(schema), not_features_(not_features), mistakes_(mistakes) {}

  template <class Rule>
  std::vector<FeaturePlan::Pick> picks(const std::vector<Rule>& rules, Kind kind, const std::string& table) {
    std::set<std::string> named;
    for (const Rule& rule : rules) named.insert(rule.columns.begin(), rule.columns.end());
    std::vector<FeaturePlan::Pick> result;
    for (std::size_t r = 0; r < rules.size(); ++r) {
      const std::string path = fmt::format("{}[{}]", table, r);
      for (std::size_t i = 0; i < rules[r].exclude.size(); ++i) {
        known(rules[r].exclude[i], fmt::format("{}.exclude[{}]", path, i));
      }
      for (std::size_t i = 0; i < rules[r].columns.size(); ++i) {
        const std::string& name = rules[r].columns[i];
        if (name == "*") {
          for (const Column& column : schema_.columns) {
            if (column.kind != kind || named.count(column.name) || contains(rules[r].exclude, column.name)) continue;
            if (why_no_feature(column).empty()) result.push_back({r, &column});
          }
        } else if (const Column* column = named_feature(name, kind, fmt::format("{}.columns[{}]", path, i))) {
          result.push_back({r, column});
        }
      }
    }
    return result;
  }

  void check_drop() {
    for (std::size_t i = 0; i < options_.drop.size(); ++i) known(options_.drop[i], fmt::format("drop[{}]", i));
  }

  void check_specials(const std::vector<DenseRule>& rules) {
    for (std::size_t r = 0; r < rules.size(); ++r) {
      std::set<float> seen;
      for (std::size_t i = 0; i < rules[r].special.size(); ++i) {
        const double code = rules[r].special[i];
        const std::string path = fmt::format("dense[{}].special[{}]", r, i);
        if (!std::isfinite(code) || std::abs(code) > static_cast<double>(kLargest)) {
          mistake(path, fmt::format("a special code must be a finite number of at most {:g}, found {}", kLargest, code),
                  std::isnan(code) ? "NaN already counts as missing: take it out" : "take it out");
        } else if (!seen.insert(static_cast<float>(code)).second) {
          mistake(path, fmt::format("the code {} is in the list twice (values are compared as float32)", code), "take one out");
        }
      }
    }
  }

  /// A categorical column has one index, and a sequence one way to be read; two rules can't both give it.
  void check_single(const std::vector<FeaturePlan::Pick>& picks, const std::string& table) {
    std::set<std::string> seen;
    for (const FeaturePlan::Pick& pick : picks) {
      if (seen.insert(pick.column->name).second) continue;
      mistake(fmt::format("{}[{}].columns", table, pick.rule),
              fmt::format("two rules take the {} column \"{}\"", table, pick.column->name),
              "name it in one rule alone, or list it in the other rule's `exclude`");
    }
  }

 private:
  void mistake(std::string path, std::string message, std::string remedy) {
    mistakes_.push_back({std::move(path), std::move(message), std::move(remedy)});
  }

  const Column* known(const std::string& name, const std::string& path) {
    const Column* column = schema_.find(name);
    if (column == nullptr) {
      const std::string guess = core::did_you_mean(name, schema_.names());
      mistake(path, fmt::format("the dataset has no column \"{}\"", name),
              guess.empty() ? "`cohort inspect` lists the columns" : fmt::format("did you mean \"{}\"?", guess));
    }
    return column;
  }

  /// "" when the column may be a feature.
  std::string why_no_feature(const Column& column) const {
    if (contains(options_.drop, column.name)) return "is in features.drop";
    if (contains(not_features_, column.name)) return "is used as label, weight or otherwise, so it can't be a feature";
    if (!column.feature) return "is marked in the dataset as no feature";
    return "";
  }

  const Column* named_feature(const std::string& name, Kind kind, const std::string& path) {
    const Column* column = known(name, path);
    if (column == nullptr) return nullptr;
    if (column->kind != kind) {
      const bool other = column->kind == Kind::kDense || column->kind == Kind::kCategorical || column->kind == Kind::kSequence;
      mistake(path, fmt::format("\"{}\" is a column of kind {}, and this rule takes {} columns", name, to_string(column->kind), to_string(kind)),
              other ? fmt::format("name it in a [[features.{}]] rule, or give it another kind in the import", to_string(column->kind))
                    : fmt::format("take it out: a column of kind {} is no feature", to_string(column->kind)));
      return nullptr;
    }
    if (const std::string reason = why_no_feature(*column); !reason.empty()) {
      mistake(path, fmt::format("\"{}\" {}", name, reason), "take it out of the rule");
      return nullptr;
    }
    return column;
  }

  const FeatureOptions& options_;
  const Schema& schema_;
  const std::vector<std::string>& not_features_;
  std::vector<RuleMistake>& mistakes_;
};

}  // namespace

FeaturePlan plan_features(const FeatureOptions& options, const Schema& schema, const std::vector<std::string>& not_features,
                          std::vector<RuleMistake>& mistakes) {
  FeaturePlan plan;
  plan.dense_rules = options.dense;
  plan.categorical_rules = options.categorical;
  if (plan.dense_rules.empty()) plan.dense_rules.emplace_back();
  if (plan.categorical_rules.empty()) plan.categorical_rules.emplace_back();
  Planner planner(options, schema, not_features, mistakes);
  planner.check_drop();
  planner.check_specials(plan.dense_rules);
  plan.dense = planner.picks(plan.dense_rules, Kind::kDense, "dense");
  plan.categorical = planner.picks(plan.categorical_rules, Kind::kCategorical, "categorical");
  planner.check_single(plan.categorical, "categorical");
  plan.sequence_rules = options.sequence;
  plan.sequences = planner.picks(plan.sequence_rules, Kind::kSequence, "sequence");
  planner.check_single(plan.sequences, "sequence");
  return plan;
}

void check_features(const FeatureOptions& options, const Schema& schema, const std::string& path, core::Diagnostics& diagnostics) {
  std::vector<RuleMistake> mistakes;
  plan_features(options, schema, {}, mistakes);
  for (RuleMistake& mistake : mistakes) {
    diagnostics.error(path + "." + mistake.path, std::move(mistake.message), std::move(mistake.remedy));
  }
}

}  // namespace cohort::datasets
