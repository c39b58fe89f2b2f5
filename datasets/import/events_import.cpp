#include "datasets/import/events_import.h"

#include <algorithm>

#include "core/error.h"
#include "core/toml_path.h"
#include "datasets/import/csv_import.h"
#include "datasets/import/entity_output.h"
#include "datasets/import/event_plan.h"
#include "datasets/import/group_checks.h"
#include "datasets/import/grouped_rows.h"
#include "datasets/io/in_order.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kCustomersAtOnce = 512;
constexpr uint64_t kTimesAtOnce = 1 << 20;
constexpr int8_t kNoEventTime = 1;  // verdicts above are rules
constexpr std::size_t kMostRules = 120;

/// Collective. The options completed by what entity, time and group are.
void complete_events(const ImportRequest& request, EventsOptions& options, const std::vector<ImportInput>& inputs) {
  const auto names = nlohmann::json::parse(core::text_from_root(request.comm, [&] {
                       return nlohmann::json(read_column_names(options, inputs.front())).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
                     })).get<std::vector<std::string>>();
  ColumnOptions category, time;
  category.kind = "categorical";
  time.kind = "time";
  describe_column(options, names, options.entity, category);
  describe_column(options, names, options.group, category);
  describe_column(options, names, options.time, time);
}

/// Mistakes that need no file.
EventWindows check_events(const EventsOptions& options, core::Diagnostics& diagnostics) {
  check_column_rules(options, options.window.cuts.empty(), diagnostics);
  if (options.where.size() > kMostRules) diagnostics.error("where", "there are more than " + std::to_string(kMostRules) + " rules", "join some of them");
  return event_windows(options, diagnostics);
}

/// Collective. The time of the log's last row; nothing where no row has a time.
std::optional<int64_t> last_time(core::Communicator& comm, const SpooledRows& rows, std::size_t column) {
  std::vector<int64_t> last{kNoInteger};
  core::together(comm, [&] {
    const auto ranks = static_cast<uint64_t>(comm.size()), rank = static_cast<uint64_t>(comm.rank());
    const uint64_t end = rows.rows() * (rank + 1) / ranks;
    ColumnBlock block;
    for (uint64_t first = rows.rows() * rank / ranks; first < end; first += kTimesAtOnce) {
      rows.read_column(column, first, std::min(kTimesAtOnce, end - first), block);
      for (const int64_t time : block.longs) last[0] = std::max(last[0], time);
    }
  });
  comm.maximum(last);
  if (last[0] == kNoInteger) return {};
  return last[0];
}

/// Throws Error (usage) for a prediction window that the log doesn't reach the end of.
void check_coverage(const EventWindows& windows, const std::string& policy, int64_t last) {
  if (policy == "keep" || windows.predict == 0) return;
  for (const int64_t cut : windows.cuts) {
    const int64_t end = cut + windows.gap + windows.predict;
    if (last + 86400 >= end) continue;  // a day without an event is no gap
    throw core::usage_error("the prediction window of the cut " + time_text(cut) + " ends at " + time_text(end) + ", but the log's last row is of " +
                                time_text(last) + ": labels would be cut short",
                            "take an earlier cut or a shorter window, or set window.incomplete = \"keep\"")
        .known_everywhere();
  }
}

/// The rows of some customers of a group.
EventOutput make_customers(const EventPlan& plan, const RowGroups& groups, int64_t end_of_log, std::size_t first, std::size_t end) {
  EventOutput out = plan.new_output();
  AggregateScratch scratch;
  std::vector<uint32_t> events, left_out;
  for (std::size_t i = first; i < end; ++i) {
    events.clear();
    left_out.clear();
    for (const uint32_t row : groups.rows_of(i)) (plan.wants_left_out() && plan.failed_rule(groups.block, row) ? left_out : events).push_back(row);
    plan.add_rows(groups.entities[i], {&groups.block, plan.time(), events, left_out}, end_of_log, out, scratch);
  }
  return out;
}

/// Counts of all ranks, in one list so that one sum takes them.
std::vector<int64_t> counts_of(const EventOutput& out) {
  std::vector<int64_t> counts{out.no_events, out.few_events, out.few_groups, out.inactive, out.cut_elements};
  counts.insert(counts.end(), out.conflicts.begin(), out.conflicts.end());
  counts.insert(counts.end(), out.without_label.begin(), out.without_label.end());
  return counts;
}

void report_counts(const EventPlan& plan, const GroupedRows& grouped, const std::vector<int64_t>& sums, ImportCounts& counts) {
  const auto note = [](std::map<std::string, uint64_t>& to, const std::string& reason, uint64_t n) {
    if (n > 0) to[reason] += n;
  };
  note(counts.dropped, "the entity is missing", grouped.counted(0));
  note(counts.dropped, "the time is missing", grouped.counted(kNoEventTime));
  for (std::size_t i = 0; i < plan.rules().size(); ++i) note(counts.dropped, plan.rules()[i].reason(), grouped.counted(kNoEventTime + 1 + i));
  const std::string each = plan.windows().cuts.size() > 1 ? "customers at a cut" : "customers";
  const char* const reasons[] = {" left out: no event is observed", " left out: fewer events than min_events", " left out: fewer groups than min_groups",
                                 " left out: the last event is longer ago than active_within"};
  for (std::size_t i = 0; i < 4; ++i) note(counts.cleaned, each + reasons[i], static_cast<uint64_t>(sums[i]));
  note(counts.cleaned, "events that max_length kept out of sequences", static_cast<uint64_t>(sums[4]));
  std::size_t next = 5;
  for (const std::size_t column : plan.profile()) {
    note(counts.cleaned, each + " with several values of " + core::toml_string(plan.events().columns[column].name) + ", the first taken", static_cast<uint64_t>(sums[next++]));
  }
  for (const std::string& name : plan.label_names()) {
    note(counts.cleaned, each + " left out: no value for the label " + core::toml_string(name), static_cast<uint64_t>(sums[next++]));
  }
}

ImportSummary run_events(const ImportRequest& request) {
  core::Communicator& comm = request.comm;
  auto options = read_import_options<EventsOptions>(request);
  const std::vector<ImportInput> inputs = request_inputs(request, options);
  const std::string part = only_part(inputs);
  EventWindows windows;
  core::Diagnostics diagnostics(request.document);
  core::together(comm, [&] {
    windows = check_events(options, diagnostics);
    diagnostics.throw_if_errors();
  });
  complete_events(request, options, inputs);
  const Schema planned = csv_schema(comm, inputs, options, request.document, request.settings);
  core::together(comm, [&] {
    EventPlan(options, planned, windows, diagnostics);
    diagnostics.throw_if_errors();
  });

  StagedDataset staged(comm, request.settings.folder);
  WorkerPool pool(request.settings.threads);
  const std::unique_ptr<CsvTable> csv = spool_csv(comm, inputs, options, request.document, request.settings, staged, pool);
  SpooledTable& table = csv->table;
  settle_duplicates(comm, table, csv->plan, options.duplicates);
  std::unique_ptr<EventPlan> made;
  core::together(comm, [&] {
    made = std::make_unique<EventPlan>(options, table.schema, windows, diagnostics);
    diagnostics.throw_if_errors();
  });
  const EventPlan& plan = *made;
  const std::optional<int64_t> last = last_time(comm, *table.rows, plan.time());
  if (!last) throw core::usage_error("no row has a time", "check the column's format").at({inputs.front().file.string(), 0, 0}).known_everywhere();
  check_coverage(windows, options.window.incomplete, *last);

  Grouping grouping;
  grouping.entity = plan.entity();
  grouping.time = plan.time();
  grouping.judge = [&](RowBlock& block) {
    plan.derive(block);
    std::vector<int8_t> verdicts(block.row.size());
    for (std::size_t i = 0; i < verdicts.size(); ++i) {
      if (block.columns[plan.time()].longs[i] == kNoInteger) {
        verdicts[i] = kNoEventTime;
      } else if (const auto rule = plan.failed_rule(block, i)) {
        const int verdict = kNoEventTime + 1 + static_cast<int>(*rule);
        verdicts[i] = static_cast<int8_t>(plan.wants_left_out() ? -verdict : verdict);
      }
    }
    return verdicts;
  };
  GroupedRows grouped(comm, *table.rows, plan.events(), grouping, pool);

  std::unique_ptr<EntityOutput> output;
  std::vector<int64_t> sums = counts_of(plan.new_output());
  core::together(comm, [&] {
    output = std::make_unique<EntityOutput>(plan.output(), plan.open_labels(), staged.path(), comm.rank(), pool);
    for (std::size_t range = 0; range < grouped.ranges(); ++range) {
      const RowGroups groups = grouped.load(range);
      const auto make = [&](std::size_t i) {
        return make_customers(plan, groups, *last + 1, i * kCustomersAtOnce, std::min(groups.entities.size(), (i + 1) * kCustomersAtOnce));
      };
      in_order(pool, (groups.entities.size() + kCustomersAtOnce - 1) / kCustomersAtOnce, make, [&](EventOutput out) {
        const std::vector<int64_t> counts = counts_of(out);
        for (std::size_t i = 0; i < counts.size(); ++i) sums[i] += counts[i];
        output->append(std::move(out.block));
      });
    }
  });
  comm.sum(sums);

  EntityOutput::Finish finish;
  finish.part = part;
  finish.entity = "customer";
  finish.store = store_options(options.store);
  finish.counts = table.counts;
  report_counts(plan, grouped, sums, finish.counts);
  finish.inputs = table.inputs;
  finish.source["format"] = request.format;
  if (!csv->join_counts.is_null()) finish.source["joins"] = csv->join_counts;
  finish.source["options"] = core::Schema::of<EventsOptions>().to_json(&options);
  finish.source["customers"] = grouped.entities();
  finish.source["last_time"] = time_text(*last);
  add_privacy(finish.source, table, csv->plan);
  warn_of_personal(comm, table);
  finish.files = {{"import.toml", request.settings.options_text}};
  return output->write(comm, staged, std::move(finish));
}

}  // namespace

Importer events_importer() {
  return {"a transaction log to a row a customer: sequences, aggregates before a cut, labels after it", &core::Schema::of<EventsOptions>(), run_events};
}

}  // namespace cohort::datasets
