#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "core/stats/rank_correlation.h"
#include "datasets/checks/check_context.h"

namespace cohort::datasets {
namespace {

// From this rank correlation with the row number on, a column counts the rows.
constexpr double kFollowsRows = 0.999;
// Fewer rows with unseen values than this are no finding, whatever their share.
constexpr uint64_t kLeastUnseen = 5;

constexpr std::size_t kTrain = static_cast<std::size_t>(Part::kTrain);

/// |Spearman| with the row's position.
double follows_rows(const Codes& codes) {
  std::vector<int32_t> positions(codes.of_row.size());
  std::iota(positions.begin(), positions.end(), 0);
  return std::abs(core::spearman(codes.of_row, codes.size, positions, positions.size()));
}

/// What speaks for an id in a number: `strong` where nothing but an id looks like this.
struct NumberEvidence {
  std::string what;
  bool strong = false;
};

NumberEvidence number_evidence(const Codes& codes, std::size_t rows) {
  const bool whole = std::all_of(codes.values.begin(), codes.values.end(), [](float value) { return std::floor(value) == value && std::isfinite(value); });
  if (follows_rows(codes) >= kFollowsRows) return {"follows the row number", whole};
  if (!whole) return {};
  // Whole numbers drawn from a range of R would collide about rows²/2R times; almost none did.
  const double range = static_cast<double>(codes.values.back()) - static_cast<double>(codes.values.front()) + 1, n = static_cast<double>(rows);
  const bool too_tidy = n * n / (2 * range) >= 10 * (n - static_cast<double>(codes.size) + 1);
  return {"holds whole numbers that hardly repeat", too_tidy};
}

void find_id(const CheckContext& context, const CheckedColumn& column, ColumnOutcome& outcome) {
  const IdLikeOptions& options = context.options.id_like;
  const auto known = column.ordered ? static_cast<std::size_t>(std::count_if(column.train.of_row.begin(), column.train.of_row.end(), [](int32_t code) { return code >= 0; }))
                                    : std::accumulate(column.counts[kTrain].begin(), column.counts[kTrain].end(), std::size_t{0});
  if (known < kLeastRows) return;
  double share = static_cast<double>(outcome.measures.distinct) / static_cast<double>(known);
  if (share < options.distinct) return;
  NumberEvidence evidence{"is a category", true};
  if (column.ordered) evidence = number_evidence(column.train, known);
  const auto severity = severity_under(options.severity, evidence.strong ? Severity::kError : Severity::kWarning);
  if (evidence.what.empty() || !severity) return;
  if (column.ordered && !context.basis.sample.exact(Part::kTrain)) {
    share = distinct_share(context.dataset, context.split, *column.column, context.basis.sample_rows);
    if (share < options.distinct) return;
  }
  const std::string& name = column.column->name;
  outcome.findings.push_back({"id_like", name, *severity, share, options.distinct,
                              fmt::format("column {} looks like an id: it {}, and {} of its values in the training rows are distinct", quoted(name), evidence.what,
                                          percent_text(share)),
                              "import it with kind = \"id\", or " + usual_remedy(name, "id_like")});
}

void find_constant(const CheckContext& context, const CheckedColumn& column, ColumnOutcome& outcome) {
  const auto severity = severity_under(context.options.constant.severity, Severity::kWarning);
  if (!severity || !column.constant) return;
  const std::string& name = column.column->name;
  const bool empty = column.missing[kTrain] == context.split.size(Part::kTrain);
  outcome.findings.push_back({"constant", name, *severity, empty ? 0.0 : 1.0, 2,
                              fmt::format("column {} {} in the training rows: it tells nothing", quoted(name), empty ? "has no value" : "has one value"),
                              usual_remedy(name, "constant")});
}

/// Share of a part's rows whose category no training row has; NaN for a part without rows.
double unseen_share(const CheckContext& context, const CheckedColumn& column, Part part, uint64_t& rows) {
  rows = 0;
  if (context.split.size(part) == 0) return NAN;
  const auto& train = column.counts[kTrain];
  const auto& other = column.counts[static_cast<std::size_t>(part)];
  for (std::size_t code = 0; code < train.size(); ++code) {
    if (train[code] == 0) rows += other[code];
  }
  return static_cast<double>(rows) / static_cast<double>(context.split.size(part));
}

void find_unseen(const CheckContext& context, const CheckedColumn& column, ColumnOutcome& outcome) {
  const UnseenOptions& options = context.options.unseen_values;
  if (options.severity == "off" || column.ordered) return;
  uint64_t valid_rows = 0, test_rows = 0;
  outcome.measures.unseen_valid = unseen_share(context, column, Part::kValid, valid_rows);
  outcome.measures.unseen_test = unseen_share(context, column, Part::kTest, test_rows);
  // One finding a column, about the part that is worse.
  const bool test = !(outcome.measures.unseen_valid > outcome.measures.unseen_test) || std::isnan(outcome.measures.unseen_valid);
  const bool use_test = test && !std::isnan(outcome.measures.unseen_test);
  const double share = use_test ? outcome.measures.unseen_test : outcome.measures.unseen_valid;
  if (!(share >= std::min(options.share, options.warning)) || (use_test ? test_rows : valid_rows) < kLeastUnseen) return;
  const bool strong = share >= options.share;
  const std::string& name = column.column->name;
  outcome.findings.push_back({"unseen_values", name, *severity_under(options.severity, strong ? Severity::kError : Severity::kWarning), share,
                              strong ? options.share : options.warning,
                              fmt::format("column {}: {} of the {} rows hold a value that no training row has, so nothing is learnt about it", quoted(name),
                                          percent_text(share), use_test ? "test" : "validation"),
                              "split so that its values are in all parts, or " + usual_remedy(name, "unseen_values")});
}

}  // namespace

void check_own_values(const CheckContext& context, const CheckedColumn& column, ColumnOutcome& outcome) {
  ColumnMeasures& measures = outcome.measures;
  measures.missing = static_cast<int64_t>(column.missing[kTrain]);
  measures.distinct = static_cast<int64_t>(column.train.size);
  if (!column.ordered) measures.distinct = std::count_if(column.counts[kTrain].begin(), column.counts[kTrain].end(), [](uint64_t count) { return count > 0; });
  find_id(context, column, outcome);
  find_constant(context, column, outcome);
  find_unseen(context, column, outcome);
}

}  // namespace cohort::datasets
