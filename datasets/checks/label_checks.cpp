#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "core/stats/binary_counts.h"
#include "core/stats/rank_correlation.h"
#include "datasets/checks/check_context.h"

namespace cohort::datasets {
namespace {

// A number with few distinct values may be a code: it is also taken as a category.
constexpr std::size_t kMostNumberCodes = 256;
constexpr std::size_t kRowsACode = 10;

int32_t with_missing(int32_t code, std::size_t size) { return code < 0 ? static_cast<int32_t>(size) : code; }

/// Cohen's κ (Educational and Psychological Measurement 20, 1960) between the label's classes and the values matched with them.
double kappa(double agreement, double by_chance) { return by_chance >= 1 ? NAN : (agreement - by_chance) / (1 - by_chance); }

/// κ of the best matching of one value to each class, found greedily from the most frequent pair down. Missing counts as a value.
double bijection_agreement(const Codes& feature, const CheckedLabel& label) {
  const std::size_t classes = label.classes.size(), size = feature.size + 1, rows = feature.of_row.size();
  std::vector<int64_t> value_rows(size, 0), class_rows(classes, 0);
  for (std::size_t i = 0; i < rows; ++i) {
    if (label.codes.of_row[i] < 0) continue;
    ++value_rows[static_cast<std::size_t>(with_missing(feature.of_row[i], feature.size))];
    ++class_rows[static_cast<std::size_t>(label.codes.of_row[i])];
  }
  // No more values than classes can be matched: where the most frequent ones don't hold nearly all rows, there is no copy.
  std::vector<int64_t> frequent = value_rows;
  const std::size_t most = std::min(classes, frequent.size());
  std::partial_sort(frequent.begin(), frequent.begin() + static_cast<std::ptrdiff_t>(most), frequent.end(), std::greater<>());
  const auto held = std::accumulate(frequent.begin(), frequent.begin() + static_cast<std::ptrdiff_t>(most), int64_t{0});
  const auto total = std::accumulate(class_rows.begin(), class_rows.end(), int64_t{0});
  if (total == 0 || static_cast<double>(held) < 0.9 * static_cast<double>(total)) return NAN;

  std::vector<uint64_t> pairs;
  for (std::size_t i = 0; i < rows; ++i) {
    if (label.codes.of_row[i] < 0) continue;
    pairs.push_back(static_cast<uint64_t>(with_missing(feature.of_row[i], feature.size)) * classes + static_cast<uint64_t>(label.codes.of_row[i]));
  }
  std::sort(pairs.begin(), pairs.end());
  std::vector<std::pair<int64_t, uint64_t>> counted;  // −rows, pair: the most frequent first, ties in order of value
  for (std::size_t i = 0, j = 0; i < pairs.size(); i = j) {
    while (j < pairs.size() && pairs[j] == pairs[i]) ++j;
    counted.emplace_back(-static_cast<int64_t>(j - i), pairs[i]);
  }
  std::sort(counted.begin(), counted.end());
  std::vector<bool> value_taken(size, false), class_taken(classes, false);
  const auto n = static_cast<double>(total);
  double agreement = 0, by_chance = 0;
  for (const auto& [negative, pair] : counted) {
    const std::size_t value = pair / classes, of_class = pair % classes;
    if (value_taken[value] || class_taken[of_class]) continue;
    value_taken[value] = class_taken[of_class] = true;
    agreement += static_cast<double>(-negative) / n;
    by_chance += static_cast<double>(value_rows[value]) / n * static_cast<double>(class_rows[of_class]) / n;
  }
  return kappa(agreement, by_chance);
}

/// κ of "the feature is the label" for a label that is a number. `value_of` gives each code's number.
double equality_agreement(const Codes& feature, const std::vector<float>& values, const Codes& label) {
  std::vector<int64_t> feature_rows(feature.size, 0), label_rows(label.size, 0);
  int64_t rows = 0, equal = 0;
  for (std::size_t i = 0; i < feature.of_row.size(); ++i) {
    if (label.of_row[i] < 0) continue;
    ++rows;
    const auto of_label = static_cast<std::size_t>(label.of_row[i]);
    ++label_rows[of_label];
    if (feature.of_row[i] < 0) continue;
    const auto of_feature = static_cast<std::size_t>(feature.of_row[i]);
    ++feature_rows[of_feature];
    if (values[of_feature] == label.values[of_label]) ++equal;
  }
  if (rows == 0) return NAN;
  double by_chance = 0;
  const auto n = static_cast<double>(rows);
  for (std::size_t f = 0, l = 0; f < feature.size && l < label.size;) {
    if (values[f] < label.values[l]) ++f;
    else if (values[f] > label.values[l]) ++l;
    else by_chance += static_cast<double>(feature_rows[f++]) / n * static_cast<double>(label_rows[l++]) / n;
  }
  return kappa(static_cast<double>(equal) / n, by_chance);
}

/// Each code's number: a dense column's values, an int64 category's own.
std::vector<float> numbers_of(const CheckedColumn& column) {
  if (column.ordered) return column.train.values;
  std::vector<float> values;
  for (const int64_t value : column.column->dictionary.integers) values.push_back(static_cast<float>(value));
  return values;
}

/// κ between "is missing" and "is of this class", or "isn't".
double missing_agreement(const Codes& feature, const CheckedLabel& label, int32_t of_class) {
  int64_t rows = 0, both = 0, missing = 0, members = 0;
  for (std::size_t i = 0; i < feature.of_row.size(); ++i) {
    if (label.codes.of_row[i] < 0) continue;
    const bool is_missing = feature.of_row[i] < 0, is_member = label.codes.of_row[i] == of_class;
    ++rows;
    missing += is_missing ? 1 : 0;
    members += is_member ? 1 : 0;
    both += is_missing && is_member ? 1 : 0;
  }
  const auto n = static_cast<double>(rows);
  const double p = static_cast<double>(missing) / n, q = static_cast<double>(members) / n;
  const double same = static_cast<double>(rows - missing - members + 2 * both) / n, same_by_chance = p * q + (1 - p) * (1 - q);
  return std::max(kappa(same, same_by_chance), kappa(1 - same, 1 - same_by_chance));
}

/// AUC of codes that ascend, one class against the rest. Rows with a negative code are left out.
double class_auc(std::span<const int32_t> codes, std::size_t size, const CheckedLabel& label, int32_t of_class, int64_t least) {
  std::vector<core::TieGroup> groups(size);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (codes[i] < 0 || label.codes.of_row[i] < 0) continue;
    core::TieGroup& group = groups[static_cast<std::size_t>(codes[i])];
    ++(label.codes.of_row[i] == of_class ? group.positives : group.negatives);
  }
  int64_t positives = 0, negatives = 0;
  for (const core::TieGroup& group : groups) positives += group.positives, negatives += group.negatives;
  return positives < least || negatives < least ? NAN : core::auc(groups);
}

/// Rows as cells of (value, fold); missing is a value. What a cell's rows are scored by comes from the other folds of the same value.
struct Cells {
  std::size_t count = 0;
  std::vector<int32_t> of_row;

  Cells(const Codes& feature, std::span<const uint8_t> folds) : count((feature.size + 1) * kFolds), of_row(feature.of_row.size()) {
    for (std::size_t i = 0; i < of_row.size(); ++i)
      of_row[i] = with_missing(feature.of_row[i], feature.size) * static_cast<int32_t>(kFolds) + static_cast<int32_t>(folds[i]);
  }

  /// Codes of rows that ascend with the mean of `target` over the rows of the same value in other folds; one row of the overall mean is
  /// added, so that a value of few rows stays near it (Micci-Barreca, "A preprocessing scheme for high-cardinality categorical attributes",
  /// SIGKDD Explorations 3, 2001, § 3). Out of fold, a value of its own in each row tells nothing.
  Codes scores(std::span<const double> target) const {
    const std::size_t values = count / kFolds;
    std::vector<double> sums(count, 0), value_sums(values, 0);
    std::vector<int64_t> rows(count, 0), value_rows(values, 0);
    double total = 0;
    for (std::size_t i = 0; i < of_row.size(); ++i) {
      const auto cell = static_cast<std::size_t>(of_row[i]);
      sums[cell] += target[i];
      ++rows[cell];
      total += target[i];
    }
    for (std::size_t cell = 0; cell < count; ++cell) value_sums[cell / kFolds] += sums[cell], value_rows[cell / kFolds] += rows[cell];
    const double mean = total / static_cast<double>(of_row.size());
    std::vector<std::pair<double, std::size_t>> order;
    for (std::size_t cell = 0; cell < count; ++cell) {
      if (rows[cell] == 0) continue;
      const std::size_t value = cell / kFolds;
      order.emplace_back((value_sums[value] - sums[cell] + mean) / static_cast<double>(value_rows[value] - rows[cell] + 1), cell);
    }
    std::sort(order.begin(), order.end());
    std::vector<int32_t> rank(count, -1);
    Codes codes;
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (i == 0 || order[i].first != order[i - 1].first) ++codes.size;
      rank[order[i].second] = static_cast<int32_t>(codes.size) - 1;
    }
    for (const int32_t cell : of_row) codes.of_row.push_back(rank[static_cast<std::size_t>(cell)]);
    return codes;
  }
};

bool may_be_codes(const CheckedColumn& column) {
  return !column.ordered || (column.train.size <= kMostNumberCodes && column.train.size * kRowsACode <= column.train.of_row.size());
}

/// The best ranking of rows that the feature alone gives, and how.
struct Separation {
  double value = NAN;
  std::string how;
  void take(double other, std::string by) {
    if (std::isnan(other) || other <= value) return;
    value = other;
    how = std::move(by);
  }
};

Separation class_separation(const CheckContext& context, const CheckedColumn& column) {
  const CheckedLabel& label = context.basis.label;
  Separation best;
  std::vector<double> target(column.train.of_row.size());
  std::vector<int32_t> missing(column.train.of_row.size());
  for (std::size_t i = 0; i < missing.size(); ++i) missing[i] = column.train.of_row[i] < 0 ? 1 : 0;
  const bool codes = may_be_codes(column), some_missing = column.missing[static_cast<std::size_t>(Part::kTrain)] > 0;
  const Cells cells = codes ? Cells(column.train, context.basis.folds) : Cells(Codes(), {});
  for (const int32_t of_class : label.judged) {
    const std::string which = label.classes.size() == 2 ? "" : fmt::format(", class {} against the rest", quoted(label.classes[static_cast<std::size_t>(of_class)]));
    const auto turned = [](double auc) { return std::max(auc, 1 - auc); };
    // Ten rows of each side: fewer may be told apart by chance.
    if (column.ordered) best.take(turned(class_auc(column.train.of_row, column.train.size, label, of_class, 10)), "by its value" + which);
    if (some_missing) best.take(turned(class_auc(missing, 2, label, of_class, 10)), "by being missing" + which);
    if (!codes) continue;
    for (std::size_t i = 0; i < target.size(); ++i) target[i] = label.codes.of_row[i] == of_class ? 1 : 0;
    const Codes scores = cells.scores(target);
    best.take(class_auc(scores.of_row, scores.size, label, of_class, 10), "by the label's rate at each value (of other rows)" + which);
  }
  return best;
}

Separation rank_separation(const CheckContext& context, const CheckedColumn& column) {
  const Codes& label = context.basis.label.codes;
  Separation best;
  const auto known = std::count_if(column.train.of_row.begin(), column.train.of_row.end(), [](int32_t code) { return code >= 0; });
  if (column.ordered && static_cast<std::size_t>(known) >= kLeastRows)
    best.take(std::abs(core::spearman(column.train.of_row, column.train.size, label.of_row, label.size)), "by its value");
  if (!may_be_codes(column)) return best;
  // Middle ranks of the label, up to a constant.
  std::vector<int64_t> counts(label.size, 0);
  for (const int32_t code : label.of_row) {
    if (code >= 0) ++counts[static_cast<std::size_t>(code)];
  }
  std::vector<double> ranks(label.size);
  int64_t below = 0;
  for (std::size_t code = 0; code < label.size; ++code) {
    ranks[code] = static_cast<double>(2 * below + counts[code]);
    below += counts[code];
  }
  std::vector<double> target;
  for (const int32_t code : label.of_row) target.push_back(code < 0 ? static_cast<double>(below) : ranks[static_cast<std::size_t>(code)]);
  const Codes scores = Cells(column.train, context.basis.folds).scores(target);
  best.take(core::spearman(scores.of_row, scores.size, label.of_row, label.size), "by the label's mean at each value (of other rows)");
  return best;
}

void find_copy(const CheckContext& context, const CheckedColumn& column, ColumnOutcome& outcome) {
  const LabelCopyOptions& options = context.options.label_copy;
  const CheckedLabel& label = context.basis.label;
  double agreement = NAN, by_missing = NAN;
  if (!label.is_class()) {
    if (const std::vector<float> values = numbers_of(column); values.size() == column.train.size) agreement = equality_agreement(column.train, values, label.codes);
  } else if (!label.judged.empty()) {
    agreement = bijection_agreement(column.train, label);
    if (column.missing[static_cast<std::size_t>(Part::kTrain)] > 0) {
      for (const int32_t of_class : label.judged) by_missing = std::fmax(by_missing, missing_agreement(column.train, label, of_class));
    }
  }
  outcome.measures.agreement = std::fmax(agreement, by_missing);
  const auto severity = severity_under(options.severity, Severity::kError);
  if (!severity || !(outcome.measures.agreement >= options.agreement)) return;
  const std::string& name = column.column->name;
  std::string what = "is the label under another name: its values stand one for one for the label's";
  if (!label.is_class()) what = "equals the label";
  if (!(agreement >= by_missing) && !std::isnan(by_missing)) what = "gives the label away by where it is missing";
  outcome.findings.push_back({"label_copy", name, *severity, outcome.measures.agreement, options.agreement,
                              fmt::format("column {} {} (agreement {:.4f} with {}, where 1 is a copy and 0 is chance)", quoted(name), what,
                                          outcome.measures.agreement, quoted(label.column->name)),
                              usual_remedy(name, "label_copy")});
}

void find_single(const CheckContext& context, const CheckedColumn& column, ColumnOutcome& outcome) {
  const SingleFeatureOptions& options = context.options.single_feature;
  if (options.severity == "off") return;
  const bool classes = context.basis.label.is_class();
  const Separation best = classes ? class_separation(context, column) : rank_separation(context, column);
  outcome.measures.separation = best.value;
  const double error = classes ? options.auc : options.rank, warning = classes ? options.auc_warning : options.rank_warning;
  if (!(best.value >= std::min(error, warning))) return;
  const bool strong = best.value >= error;
  const std::string& name = column.column->name;
  outcome.findings.push_back({"single_feature", name, *severity_under(options.severity, strong ? Severity::kError : Severity::kWarning), best.value,
                              strong ? error : warning,
                              fmt::format("column {} alone ranks the rows by {} with {} {:.4f}, {}: it may have been recorded after the outcome", quoted(name),
                                          quoted(context.basis.label.column->name), classes ? "an AUC of" : "a rank correlation of", best.value, best.how),
                              usual_remedy(name, "single_feature")});
}

}  // namespace

void check_against_label(const CheckContext& context, const CheckedColumn& column, ColumnOutcome& outcome) {
  if (column.constant || column.train.of_row.size() < kLeastRows) return;
  find_copy(context, column, outcome);
  // A copy separates perfectly; saying so twice helps nobody.
  const bool copied = std::any_of(outcome.findings.begin(), outcome.findings.end(), [](const Finding& finding) { return finding.check == "label_copy"; });
  if (!copied) find_single(context, column, outcome);
}

}  // namespace cohort::datasets
