#include <algorithm>

#include "datasets/features/features.h"

namespace cohort::datasets {

void DenseRule::describe(core::Describe<DenseRule>& d) {
  d.field("columns", &DenseRule::columns, "names, or \"*\": all dense columns that no other rule names").non_empty().unique();
  d.field("exclude", &DenseRule::exclude, "columns that \"*\" leaves out").unique();
  d.field("special", &DenseRule::special, "codes that are no numbers: each gets a 0/1 indicator and then counts as missing").unique();
  d.field("impute", &DenseRule::impute, "what a missing value becomes, of the training split").one_of({"median", "mean", "zero"});
  d.field("indicator", &DenseRule::indicator, "adds a 0/1 input for missing where the training split has missing values");
  d.field("steps", &DenseRule::steps, "transforms in order; piecewise_linear only as the last")
      .one_of({"log", "standardise", "quantile_normal", "piecewise_linear"});
  d.field("quantiles", &DenseRule::quantiles, "at most that many quantiles for quantile_normal, and one for each 30 rows").min(10).max(100000);
  d.field("bins", &DenseRule::bins, "at most that many bins for piecewise_linear").min(2).max(1000);
  d.rule("steps", [](const DenseRule& rule) -> std::string {
    const auto found = std::find(rule.steps.begin(), rule.steps.end(), "piecewise_linear");
    if (found == rule.steps.end() || found + 1 == rule.steps.end()) return "";
    return "piecewise_linear gives several values, so no step can follow it";
  }, "put \"piecewise_linear\" last, or make a second rule for it");
}

void CategoricalRule::describe(core::Describe<CategoricalRule>& d) {
  d.field("columns", &CategoricalRule::columns, "names, or \"*\": all categorical columns that no other rule names").non_empty().unique();
  d.field("exclude", &CategoricalRule::exclude, "columns that \"*\" leaves out").unique();
  d.field("min_count", &CategoricalRule::min_count, "values rarer than this in the training split count as unknown").min(1).unit("rows");
  d.field("max_size", &CategoricalRule::max_size, "keeps the most frequent values alone; 0 keeps all").min(0);
}

void SequenceRule::describe(core::Describe<SequenceRule>& d) {
  d.field("columns", &SequenceRule::columns, "names, or \"*\": all sequence columns that no other rule names").non_empty().unique();
  d.field("exclude", &SequenceRule::exclude, "columns that \"*\" leaves out").unique();
  d.field("max_length", &SequenceRule::max_length, "elements kept of each row").min(1).max(65000).unit("elements");
  d.field("keep", &SequenceRule::keep, "which of them where there are more").one_of({"last", "first"});
  d.field("min_count", &SequenceRule::min_count, "values rarer than this among the elements that training sees count as unknown").min(1);
  d.field("max_size", &SequenceRule::max_size, "keeps the most frequent values alone; 0 keeps all").min(0);
  d.field("scale", &SequenceRule::scale, "what is done to numbers").one_of({"standardise", "none"});
}

void FeatureOptions::describe(core::Describe<FeatureOptions>& d) {
  d.tables("dense", &FeatureOptions::dense, "rules for dense columns; none is one rule with all defaults");
  d.tables("categorical", &FeatureOptions::categorical, "rules for categorical columns; none is one rule with all defaults");
  d.tables("sequence", &FeatureOptions::sequence, "rules for sequence columns; without one sequences are no features");
  d.field("hold_out", &FeatureOptions::hold_out, "elements at the end of every sequence that training never sees: 2 for leave-one-out with a validation and a test "
                                                 "element").min(0).max(500).unit("elements");
  d.field("drop", &FeatureOptions::drop, "columns that are not features").unique();
  d.rule("hold_out", [](const FeatureOptions& o) -> std::string {
    const bool first = std::any_of(o.sequence.begin(), o.sequence.end(), [](const SequenceRule& rule) { return rule.keep == "first"; });
    return o.hold_out > 0 && first ? "the end of a sequence can't be held out where only its first elements are kept" : "";
  }, "set keep = \"last\", or hold_out = 0");
}

}  // namespace cohort::datasets
