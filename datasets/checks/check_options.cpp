#include "datasets/checks/check_options.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/error.h"
#include "datasets/checks/time_source.h"
#include "datasets/io/time_format.h"

namespace cohort::datasets {
namespace {

const std::vector<std::string> kSeverities{"error", "warning", "off"};
constexpr const char* kSeverityHelp = "error: as found; warning: never stops a run; off: not looked for";

std::string guessed(const std::string& word, const std::vector<std::string>& candidates, const std::string& otherwise) {
  const std::string guess = core::did_you_mean(word, candidates);
  return guess.empty() ? otherwise : fmt::format("did you mean \"{}\"?", guess);
}

std::string check_list(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return list;
}

void check_allowance(const std::string& entry, const Schema& schema, const std::string& path, core::Diagnostics& diagnostics) {
  const Allowance allowance = parse_allowance(entry);
  const std::vector<std::string>& checks = gate_checks();
  if (allowance.check.empty()) {
    diagnostics.error(path, fmt::format("\"{}\" isn't COLUMN:CHECK", entry), "write for example \"" + entry + ":shift\"; checks are " + check_list(checks));
    return;
  }
  if (allowance.check != "*" && std::find(checks.begin(), checks.end(), allowance.check) == checks.end())
    diagnostics.error(path, fmt::format("there is no check \"{}\"", allowance.check), guessed(allowance.check, checks, "checks are " + check_list(checks)));
  if (allowance.column != "*" && schema.find(allowance.column) == nullptr)
    diagnostics.error(path, fmt::format("the dataset has no column \"{}\"", allowance.column),
                      guessed(allowance.column, schema.names(), "`cohort inspect` lists the columns"));
}

void check_cut(const AfterCutOptions& options, const Schema& schema, const std::string& path, core::Diagnostics& diagnostics) {
  int64_t seconds = 0;
  if (!options.cut.empty() && !TimeFormat().parse(options.cut, seconds))
    diagnostics.error(path + ".cut", fmt::format("\"{}\" is no time", options.cut), "write it as 2024-06-30 or 2024-06-30T12:00:00Z");
  if (!options.cut_column.empty()) {
    const Column* column = schema.find(options.cut_column);
    if (column == nullptr)
      diagnostics.error(path + ".cut_column", fmt::format("the dataset has no column \"{}\"", options.cut_column),
                        guessed(options.cut_column, schema.names(Kind::kTime), "name a time column"));
    else if (column->kind != Kind::kTime)
      diagnostics.error(path + ".cut_column", fmt::format("\"{}\" is of kind {}, not time", column->name, to_string(column->kind)), "name a time column");
  }
  for (std::size_t i = 0; i < options.available_at.size(); ++i) {
    const std::string problem = available_at_problem(options.available_at[i], schema);
    if (!problem.empty())
      diagnostics.error(core::child_path(path + ".available_at", i), problem, "write COLUMN=2024-06-30 or COLUMN=TIME COLUMN");
  }
}

}  // namespace

void LabelCopyOptions::describe(core::Describe<LabelCopyOptions>& d) {
  d.field("severity", &LabelCopyOptions::severity, kSeverityHelp).one_of(kSeverities);
  d.field("agreement", &LabelCopyOptions::agreement, "a finding from this agreement with the label on (Cohen's kappa)").above(0).max(1);
}

void SingleFeatureOptions::describe(core::Describe<SingleFeatureOptions>& d) {
  using O = SingleFeatureOptions;
  d.field("severity", &O::severity, kSeverityHelp).one_of(kSeverities);
  d.field("auc", &O::auc, "an error from this AUC of one feature alone on (classes, each against the rest)").min(0.5).max(1);
  d.field("auc_warning", &O::auc_warning, "a warning from this AUC on").min(0.5).max(1);
  d.field("rank", &O::rank, "an error from this rank correlation with the label on (a label that is a number)").min(0).max(1);
  d.field("rank_warning", &O::rank_warning, "a warning from this rank correlation on").min(0).max(1);
}

void IdLikeOptions::describe(core::Describe<IdLikeOptions>& d) {
  d.field("severity", &IdLikeOptions::severity, kSeverityHelp).one_of(kSeverities);
  d.field("distinct", &IdLikeOptions::distinct, "a finding from this share of distinct values among the training rows on").above(0).max(1);
}

void AfterCutOptions::describe(core::Describe<AfterCutOptions>& d) {
  using O = AfterCutOptions;
  d.field("severity", &O::severity, kSeverityHelp).one_of(kSeverities);
  d.field("cut", &O::cut, "a time (ISO 8601): no feature may know what came after it");
  d.field("cut_column", &O::cut_column, "a time column that holds each row's own cut; empty takes split.column of a split by time");
  d.field("available_at", &O::available_at, "when a column's values became known: COLUMN=TIME or COLUMN=TIME COLUMN").unique();
  d.field("share", &O::share, "a finding where more than this share of the training rows is late").min(0).below(1);
}

void UnseenOptions::describe(core::Describe<UnseenOptions>& d) {
  d.field("severity", &UnseenOptions::severity, kSeverityHelp).one_of(kSeverities);
  d.field("share", &UnseenOptions::share, "an error from this share of validation or test rows with values unseen in training on").above(0).max(1);
  d.field("warning", &UnseenOptions::warning, "a warning from this share on").above(0).max(1);
}

void ConstantOptions::describe(core::Describe<ConstantOptions>& d) {
  d.field("severity", &ConstantOptions::severity, kSeverityHelp).one_of(kSeverities);
}

void ShiftOptions::describe(core::Describe<ShiftOptions>& d) {
  d.field("severity", &ShiftOptions::severity, kSeverityHelp).one_of(kSeverities);
  d.field("rate", &ShiftOptions::rate, "false discovery rate over all columns (Benjamini-Hochberg)").above(0).max(0.5);
  d.field("index", &ShiftOptions::index, "a population stability index below this is no finding").min(0);
  d.field("bins", &ShiftOptions::bins, "at most that many quantile bins of a number").min(2).max(100);
}

void CheckOptions::describe(core::Describe<CheckOptions>& d) {
  using O = CheckOptions;
  d.field("enabled", &O::enabled, "looks at the data before step 1");
  d.field("on_finding", &O::on_finding, "fail: errors stop the run before step 1; warn: they are logged").one_of({"fail", "warn"});
  d.field("allow", &O::allow, "findings that are accepted: COLUMN:CHECK, either may be *").unique();
  d.table("label_copy", &O::label_copy, "features that copy the label");
  d.table("single_feature", &O::single_feature, "features that alone rank rows almost as the label does");
  d.table("id_like", &O::id_like, "features with a value of its own in almost every row");
  d.table("after_cut", &O::after_cut, "what was known only after the moment of the prediction");
  d.table("unseen_values", &O::unseen_values, "categories of validation and test rows that training doesn't have");
  d.table("constant", &O::constant, "features of one value, or of none");
  d.table("shift", &O::shift, "validation and test rows of another distribution than the training rows");
}

const std::vector<std::string>& gate_checks() {
  static const std::vector<std::string> names{"label_copy", "single_feature", "id_like", "after_cut", "unseen_values", "constant", "shift"};
  return names;
}

void check_options(const CheckOptions& options, const Schema& schema, const std::string& path, core::Diagnostics& diagnostics) {
  for (std::size_t i = 0; i < options.allow.size(); ++i)
    check_allowance(options.allow[i], schema, core::child_path(path + ".allow", i), diagnostics);
  check_cut(options.after_cut, schema, path + ".after_cut", diagnostics);
}

Allowance parse_allowance(const std::string& entry) {
  const std::size_t colon = entry.rfind(':');
  return colon == std::string::npos ? Allowance{entry, ""} : Allowance{entry.substr(0, colon), entry.substr(colon + 1)};
}

}  // namespace cohort::datasets
