#include "datasets/checks/checks.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <future>
#include <mutex>
#include <set>

#include <fmt/format.h>
#include <xxhash.h>

#include "core/error.h"
#include "core/philox.h"
#include "core/progress.h"
#include "datasets/checks/check_context.h"
#include "datasets/features/features_rules.h"
#include "datasets/io/worker_pool.h"
#include "datasets/split/split_draw.h"

namespace cohort::datasets {
namespace {

/// (Σ rows)²/Σ rows² over the ids of each part. Ids are told apart by 64-bit hashes, a range of these at a time: at most two bytes a row.
std::array<double, 4> grouped_rows(const CheckInput& input, const Column& id) {
  const uint64_t ranges = std::max<uint64_t>(1, std::min<uint64_t>(4, input.dataset.rows() >> 20));
  std::array<double, 4> rows{}, squares{};
  for (uint64_t range = 0; range < ranges; ++range) {
    std::array<std::vector<uint64_t>, 4> hashes;
    each_id(input.dataset, id, [&](uint64_t row, std::string_view text) {
      const uint64_t hash = XXH3_64bits(text.data(), text.size());
      if (static_cast<uint64_t>(static_cast<unsigned __int128>(hash) * ranges >> 64) == range) hashes[static_cast<std::size_t>(input.split.parts().part(row))].push_back(hash);
    });
    for (const Part part : kParts) {
      const auto at = static_cast<std::size_t>(part);
      std::sort(hashes[at].begin(), hashes[at].end());
      rows[at] += static_cast<double>(hashes[at].size());
      for (std::size_t i = 0, j = 0; i < hashes[at].size(); i = j) {
        while (j < hashes[at].size() && hashes[at][j] == hashes[at][i]) ++j;
        squares[at] += static_cast<double>(j - i) * static_cast<double>(j - i);
      }
    }
  }
  std::array<double, 4> effective{};
  for (std::size_t at = 0; at < effective.size(); ++at) effective[at] = squares[at] == 0 ? 0 : rows[at] * rows[at] / squares[at];
  return effective;
}

/// Collective. As many independent rows as each part counts for.
std::array<double, 4> effective_rows(const CheckInput& input, uint64_t exact_rows, core::Communicator& comm) {
  std::array<double, 4> effective{};
  const Column* id = input.split_options.method == "hash" ? input.dataset.schema().find(input.split_options.column) : nullptr;
  if (id != nullptr) {
    const std::string text = core::text_from_root(comm, [&] { return nlohmann::json(grouped_rows(input, *id)).dump(); });
    effective = nlohmann::json::parse(text).get<std::array<double, 4>>();
  }
  for (const Part part : kParts) {
    const auto rows = static_cast<double>(std::min(input.split.size(part), exact_rows));
    double& of_part = effective[static_cast<std::size_t>(part)];
    of_part = id == nullptr ? rows : std::min(of_part, rows);
  }
  return effective;
}

/// Features in schema order, then time columns that may be meant as features and that nothing else uses.
std::vector<const Column*> columns_to_check(const CheckInput& input, const CheckOptions& options, const TimeSource& cut) {
  std::vector<RuleMistake> mistakes;
  const FeaturePlan plan = plan_features(input.features, input.dataset.schema(), input.not_features, mistakes);
  std::set<const Column*> features;
  for (const auto* picks : {&plan.dense, &plan.categorical}) {
    for (const FeaturePlan::Pick& pick : *picks) features.insert(pick.column);
  }
  const std::vector<Column>& columns = input.dataset.schema().columns;
  std::set<const Column*> used{cut.column};
  for (const Column& column : columns) used.insert(availability_of(column, options.after_cut, input.dataset.schema()).column);
  std::vector<const Column*> result;
  for (const Column& column : columns) {
    const bool dropped = std::find(input.features.drop.begin(), input.features.drop.end(), column.name) != input.features.drop.end();
    if (features.count(&column) != 0 || (column.kind == Kind::kTime && column.feature && !dropped && used.count(&column) == 0)) result.push_back(&column);
  }
  return result;
}

CheckBasis make_basis(const CheckInput& input, const CheckOptions& options, const std::array<double, 4>& effective, uint64_t exact_rows) {
  const Schema& schema = input.dataset.schema();
  CheckBasis basis{RowSample(input.split, exact_rows), exact_rows, {}, {}, effective, cut_of(options.after_cut, input.split_options, schema), {}};
  basis.label = read_checked_label(input.dataset, input.split, schema.at(input.label), basis.sample);
  const core::KeyedRandom random(0, "checks.fold");
  for (uint64_t i = 0; i < basis.label.codes.of_row.size(); ++i) basis.folds.push_back(static_cast<uint8_t>(random.below(i, kFolds)));
  if (basis.cut.column != nullptr) basis.cut_times = read_train_times(input.dataset, input.split, *basis.cut.column, basis.sample);
  return basis;
}

ColumnOutcome check_column(const CheckContext& context, const Column& column) {
  ColumnOutcome outcome;
  outcome.measures.column = column.name;
  if (column.kind == Kind::kTime) {
    check_time_column(context, column, outcome);
    return outcome;
  }
  const CheckedColumn checked = read_checked_column(context.dataset, context.split, column, context.basis.sample);
  check_own_values(context, checked, outcome);
  check_against_label(context, checked, outcome);
  check_feature_times(context, checked, outcome);
  measure_shift(context, checked, outcome);
  return outcome;
}

/// What is found about each of `columns`, in their order. Each thread takes the next column that none has taken, and reads through a dataset of its own.
std::vector<ColumnOutcome> check_columns(const CheckInput& input, const CheckOptions& options, const CheckBasis& basis, const std::vector<const Column*>& columns) {
  std::vector<ColumnOutcome> outcomes(columns.size());
  core::Progress progress("looking at the data", columns.size(), "columns");
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::size_t done = 0;
  const auto work = [&](const Dataset& dataset) {
    const CheckContext context{dataset, input.split, options, basis};
    for (std::size_t i = next++; i < columns.size(); i = next++) {
      try {
        outcomes[i] = check_column(context, *columns[i]);
      } catch (...) {
        next = columns.size();
        throw;
      }
      const std::scoped_lock lock(mutex);
      progress.update(++done);
    }
  };
  const auto threads = std::min<std::size_t>(static_cast<std::size_t>(std::max(1, input.threads)), columns.size());
  if (threads <= 1) {
    work(input.dataset);
    return outcomes;
  }
  WorkerPool pool(static_cast<int>(threads - 1));
  std::vector<std::future<void>> others;
  for (std::size_t t = 1; t < threads; ++t) others.push_back(pool.submit([&] { work(Dataset::open(input.dataset.folder())); }));
  std::exception_ptr failure;
  const auto keep_failure = [&](const auto& call) {
    try {
      call();
    } catch (...) {
      if (!failure) failure = std::current_exception();
    }
  };
  keep_failure([&] { work(input.dataset); });
  for (std::future<void>& other : others) keep_failure([&] { other.get(); });
  if (failure) std::rethrow_exception(failure);
  return outcomes;
}

/// Everything of the ranks' columns, dealt round robin, in the columns' order.
CheckReport gather(const CheckReport& mine, std::size_t columns, core::Communicator& comm) {
  if (comm.size() == 1) return mine;
  const std::string text = to_json(mine).dump();
  std::vector<CheckReport> parts;
  for (const core::Bytes& bytes : comm.all_gather(std::as_bytes(std::span(text))))
    parts.push_back(check_report_from_json(nlohmann::json::parse(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()))));
  CheckReport all = mine;
  all.columns.clear();
  all.findings.clear();
  const std::size_t ranks = parts.size();
  for (std::size_t i = 0; i < columns; ++i) all.columns.push_back(parts[i % ranks].columns[i / ranks]);
  for (const CheckReport& part : parts) all.findings.insert(all.findings.end(), part.findings.begin(), part.findings.end());
  return all;
}

void put_in_order(CheckReport& report) {
  const auto place_of = [](const std::vector<std::string>& list, const std::string& word) { return std::find(list.begin(), list.end(), word) - list.begin(); };
  std::vector<std::string> columns;
  for (const ColumnMeasures& measures : report.columns) columns.push_back(measures.column);
  std::stable_sort(report.findings.begin(), report.findings.end(), [&](const Finding& a, const Finding& b) {
    const auto key = [&](const Finding& f) {
      return std::tuple(f.severity == Severity::kError ? 0 : 1, place_of(columns, f.column), place_of(gate_checks(), f.check));
    };
    return key(a) < key(b);
  });
}

void mark_allowed(const CheckOptions& options, CheckReport& report) {
  for (Finding& finding : report.findings) {
    finding.allowed = std::any_of(options.allow.begin(), options.allow.end(),
                                  [&](const std::string& entry) { return parse_allowance(entry).covers(finding.column, finding.check); });
  }
}

}  // namespace

std::optional<Severity> severity_under(const std::string& option, Severity strength) {
  if (option == "off") return std::nullopt;
  return option == "warning" ? Severity::kWarning : strength;
}

std::string usual_remedy(const std::string& column, const std::string& check) {
  return fmt::format("leave it out with features.drop = [{}], or accept it with checks.allow = [{}]", nlohmann::json(column).dump(),
                     nlohmann::json(column + ":" + check).dump());
}

std::string quoted(const std::string& column) { return "\"" + column + "\""; }

std::string percent_text(double share) {
  // No rounding up to all, nor down to none.
  if (share > 0.9995 && share < 1) return "over 99.9 %";
  if (share > 0 && share < 0.0005) return "under 0.1 %";
  return fmt::format("{:.1f} %", 100 * share);
}

CheckReport run_checks(const CheckInput& input, const CheckOptions& options, core::Communicator& comm, uint64_t exact_rows) {
  exact_rows = std::min(exact_rows, kCheckRows);
  const std::array<double, 4> effective = effective_rows(input, exact_rows, comm);
  CheckReport report;
  std::vector<const Column*> columns;
  core::together(comm, [&] {
    const CheckBasis basis = make_basis(input, options, effective, exact_rows);
    columns = columns_to_check(input, options, basis.cut);
    report.train = input.split.size(Part::kTrain);
    report.valid = input.split.size(Part::kValid);
    report.test = input.split.size(Part::kTest);
    report.exact = basis.sample.exact();
    std::vector<const Column*> mine;
    for (std::size_t i = static_cast<std::size_t>(comm.rank()); i < columns.size(); i += static_cast<std::size_t>(comm.size())) mine.push_back(columns[i]);
    for (ColumnOutcome& outcome : check_columns(input, options, basis, mine)) {
      report.columns.push_back(std::move(outcome.measures));
      report.findings.insert(report.findings.end(), outcome.findings.begin(), outcome.findings.end());
    }
  });
  report = gather(report, columns.size(), comm);
  const std::vector<Finding> shifted = shift_findings(options.shift, effective, report.columns);
  report.findings.insert(report.findings.end(), shifted.begin(), shifted.end());
  mark_allowed(options, report);
  put_in_order(report);
  return report;
}

}  // namespace cohort::datasets
