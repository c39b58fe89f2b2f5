#include "datasets/import/sequences_import.h"

#include <algorithm>

#include "core/error.h"
#include "core/toml_path.h"
#include "datasets/import/csv_import.h"
#include "datasets/import/entity_columns.h"
#include "datasets/import/entity_output.h"
#include "datasets/import/group_checks.h"
#include "datasets/import/grouped_rows.h"
#include "datasets/import/interaction_core.h"
#include "datasets/io/in_order.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kUsersAtOnce = 4096;

struct SequencesOptions : ImportOptions {
  std::string user = "user", item = "item", time;
  std::string user_kind = "id";
  std::vector<std::string> profile;
  int64_t min_user = 1, min_item = 1, min_length = 1, max_length = 0;
  SequencesOptions() {
    csv.delimiter = " ";
    csv.quote = "";
    csv.header = false;
    csv.names = {"user", "item"};
  }
  static void describe(core::Describe<SequencesOptions>& d) {
    d.field("user", &SequencesOptions::user, "the column that names the user: a row of the dataset each").non_empty();
    d.field("item", &SequencesOptions::item, "the column that names the item").non_empty();
    d.field("time", &SequencesOptions::time, "the column of times that orders a user's rows; \"\": they stand in order");
    d.field("user_kind", &SequencesOptions::user_kind, "what the user is in the dataset: id, or a categorical feature").one_of({"id", "categorical"});
    d.field("profile", &SequencesOptions::profile, "columns that say something of the user, the same in all rows; the others become sequences").unique();
    d.field("min_user", &SequencesOptions::min_user, "users with fewer rows are left out, again after items were, until nothing changes").min(1).unit("rows");
    d.field("min_item", &SequencesOptions::min_item, "the same for items: with min_user, a core").min(1).unit("rows");
    d.field("min_length", &SequencesOptions::min_length, "users with fewer rows are left out at last; their rows have counted for items").min(1).unit("rows");
    d.field("max_length", &SequencesOptions::max_length, "the last so many rows of a user are kept; 0: all").min(0).unit("rows");
    describe_import_options(d);
  }
};

/// Which columns become what.
struct SequencesPlan {
  std::size_t user = 0, item = 0;
  std::optional<std::size_t> time;
  std::vector<std::size_t> profile, sequences;
};

/// Collective. The options completed by what is known of such files.
void complete_sequences(const ImportRequest& request, SequencesOptions& options, const std::vector<ImportInput>& inputs) {
  const SequencesOptions usual;
  const bool pairs = !options.csv.header && options.csv.names == usual.csv.names;
  // A header has names of its own.
  if (options.csv.header && options.csv.names == usual.csv.names) options.csv.names.clear();
  const auto names = nlohmann::json::parse(core::text_from_root(request.comm, [&] {
                       return nlohmann::json(read_column_names(options, inputs.front())).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
                     })).get<std::vector<std::string>>();
  ColumnOptions code, time;
  code.kind = "categorical";
  if (pairs) code.dtype = "int64";
  time.kind = "time";
  describe_column(options, names, options.user, code);
  describe_column(options, names, options.item, code);
  describe_column(options, names, options.time, time);
}

SequencesPlan make_sequences_plan(const SequencesOptions& options, const Schema& schema, core::Diagnostics& diagnostics) {
  SequencesPlan plan;
  check_column_rules(options, true, diagnostics);
  const auto user = find_column(schema, options.user, "user", diagnostics), item = find_column(schema, options.item, "item", diagnostics);
  if (!options.time.empty()) plan.time = find_column(schema, options.time, "time", diagnostics);
  for (const auto& [column, path] : {std::pair(user, "user"), std::pair(item, "item")}) {
    if (column && schema.columns[*column].kind != Kind::kCategorical) {
      diagnostics.error(path, "column " + core::toml_string(schema.columns[*column].name) + " is of kind " + to_string(schema.columns[*column].kind) + ", not categorical",
                        "set its kind to categorical; user_kind says what the user is in the dataset");
    }
  }
  if (user && user == item) diagnostics.error("item", "user and item are the same column", "name another one");
  if (plan.time && schema.columns[*plan.time].kind != Kind::kTime) diagnostics.error("time", "this column isn't of kind time", "set its kind to time");
  for (std::size_t i = 0; i < options.profile.size(); ++i) {
    const std::string path = "profile[" + std::to_string(i) + "]";
    const auto column = find_column(schema, options.profile[i], path, diagnostics);
    if (!column) continue;
    if (column == user || column == item) diagnostics.error(path, "this is the user or the item", "leave it out");
    plan.profile.push_back(*column);
  }
  for (std::size_t c = 0; c < schema.columns.size(); ++c) {
    if (user == c || std::find(plan.profile.begin(), plan.profile.end(), c) != plan.profile.end()) continue;
    if (const std::string problem = sequence_problem_of(schema.columns[c]); !problem.empty()) {
      diagnostics.error("columns." + core::toml_key(schema.columns[c].source.empty() ? schema.columns[c].name : schema.columns[c].source), problem,
                        "list it under profile where it is the same in all rows of a user, or drop it");
    }
    plan.sequences.push_back(c);
  }
  diagnostics.throw_if_errors();
  plan.user = *user;
  plan.item = *item;
  return plan;
}

Schema output_schema(const SequencesPlan& plan, const SequencesOptions& options, const Schema& rows) {
  Schema schema;
  schema.columns.push_back(entity_column(rows.columns[plan.user], options.user_kind));
  for (const std::size_t c : plan.profile) schema.columns.push_back(rows.columns[c]);
  for (const std::size_t c : plan.sequences) schema.columns.push_back(sequence_column(rows.columns[c]));
  return schema;
}

/// The rows of some users, and what was left out.
struct SequenceRows {
  RowBlock block;
  int64_t short_users = 0, short_rows = 0, cut_rows = 0;
  std::vector<int64_t> conflicts;  ///< by profile column
};

SequenceRows make_sequences(const SequencesPlan& plan, const SequencesOptions& options, const Schema& rows, const Schema& output,
                            const RowGroups& groups, std::size_t first, std::size_t end) {
  SequenceRows result;
  result.block.columns.resize(output.columns.size());
  result.conflicts.resize(plan.profile.size());
  for (std::size_t i = first; i < end; ++i) {
    std::span<const uint32_t> places = groups.rows_of(i);
    if (static_cast<int64_t>(places.size()) < options.min_length) {
      ++result.short_users;
      result.short_rows += static_cast<int64_t>(places.size());
      continue;
    }
    std::size_t c = 0;
    add_entity(rows.columns[plan.user], output.columns[c], groups.entities[i], result.block.columns[c]);
    for (std::size_t p = 0; p < plan.profile.size(); ++p) {
      const std::size_t source = plan.profile[p];
      result.conflicts[p] += add_profile(rows.columns[source], groups.block.columns[source], places, result.block.columns[++c]) ? 1 : 0;
    }
    const auto most = static_cast<std::size_t>(options.max_length);
    if (most > 0 && places.size() > most) {
      result.cut_rows += static_cast<int64_t>(places.size() - most);
      places = places.last(most);
    }
    for (const std::size_t source : plan.sequences) {
      add_sequence(rows.columns[source], groups.block.columns[source], places, result.block.columns[++c]);
    }
    result.block.row.push_back(0);
  }
  return result;
}

ImportSummary run_sequences(const ImportRequest& request) {
  core::Communicator& comm = request.comm;
  auto options = read_import_options<SequencesOptions>(request);
  const std::vector<ImportInput> inputs = request_inputs(request, options);
  const std::string part = only_part(inputs);
  complete_sequences(request, options, inputs);
  core::Diagnostics diagnostics(request.document);
  const Schema planned = csv_schema(comm, inputs, options, request.document, request.settings);
  SequencesPlan plan;
  core::together(comm, [&] { plan = make_sequences_plan(options, planned, diagnostics); });

  StagedDataset staged(comm, request.settings.folder);
  WorkerPool pool(request.settings.threads);
  const std::unique_ptr<CsvTable> csv = spool_csv(comm, inputs, options, request.document, request.settings, staged, pool);
  SpooledTable& table = csv->table;
  settle_duplicates(comm, table, csv->plan, options.duplicates);
  const InteractionCore core = interaction_core(comm, *table.rows, table.schema, plan.user, plan.item, options.min_user, options.min_item, pool);
  enum : int8_t { kNoItem = 1, kNoTime, kOutsideCore };
  Grouping grouping;
  grouping.entity = plan.user;
  grouping.time = plan.time;
  grouping.judge = [&](RowBlock& block) {
    std::vector<int8_t> verdicts(block.row.size());
    const std::vector<int32_t>&users = block.columns[plan.user].ints, &items = block.columns[plan.item].ints;
    for (std::size_t i = 0; i < verdicts.size(); ++i) {
      const bool no_time = plan.time && block.columns[*plan.time].longs[i] == kNoInteger;
      verdicts[i] = items[i] < 0 ? int8_t{kNoItem} : no_time ? int8_t{kNoTime} : core.holds(users[i], items[i]) ? int8_t{0} : int8_t{kOutsideCore};
    }
    return verdicts;
  };
  GroupedRows grouped(comm, *table.rows, table.schema, grouping, pool);

  const Schema schema = output_schema(plan, options, table.schema);
  std::unique_ptr<EntityOutput> output;
  std::vector<int64_t> sums(3 + plan.profile.size());
  core::together(comm, [&] {
    output = std::make_unique<EntityOutput>(schema, std::vector<std::size_t>(), staged.path(), comm.rank(), pool);
    for (std::size_t range = 0; range < grouped.ranges(); ++range) {
      const RowGroups groups = grouped.load(range);
      const std::size_t pieces = (groups.entities.size() + kUsersAtOnce - 1) / kUsersAtOnce;
      const auto make = [&](std::size_t i) {
        return make_sequences(plan, options, table.schema, schema, groups, i * kUsersAtOnce, std::min(groups.entities.size(), (i + 1) * kUsersAtOnce));
      };
      in_order(pool, pieces, make, [&](SequenceRows rows) {
        sums[0] += rows.short_users;
        sums[1] += rows.short_rows;
        sums[2] += rows.cut_rows;
        for (std::size_t p = 0; p < rows.conflicts.size(); ++p) sums[3 + p] += rows.conflicts[p];
        output->append(std::move(rows.block));
      });
    }
  });
  comm.sum(sums);

  EntityOutput::Finish finish;
  finish.part = part;
  finish.entity = "user";
  finish.store = store_options(options.store);
  finish.counts = table.counts;
  finish.inputs = table.inputs;
  const auto note = [](std::map<std::string, uint64_t>& counts, const std::string& reason, uint64_t n) {
    if (n > 0) counts[reason] += n;
  };
  std::map<std::string, uint64_t>&dropped = finish.counts.dropped, &cleaned = finish.counts.cleaned;
  note(dropped, "the user is missing", grouped.counted(0));
  note(dropped, "the item is missing", grouped.counted(kNoItem));
  note(dropped, "the time is missing", grouped.counted(kNoTime));
  note(dropped, "outside the core of min_user and min_item", grouped.counted(kOutsideCore));
  note(dropped, "of users with fewer rows than min_length", static_cast<uint64_t>(sums[1]));
  note(dropped, "beyond the last max_length rows of their users", static_cast<uint64_t>(sums[2]));
  note(cleaned, "users left out by min_length", static_cast<uint64_t>(sums[0]));
  for (std::size_t p = 0; p < plan.profile.size(); ++p) {
    note(cleaned, "users with several values of " + core::toml_string(table.schema.columns[plan.profile[p]].name) + ", the first taken", static_cast<uint64_t>(sums[3 + p]));
  }
  finish.source["format"] = request.format;
  if (!csv->join_counts.is_null()) finish.source["joins"] = csv->join_counts;
  finish.source["options"] = core::Schema::of<SequencesOptions>().to_json(&options);
  finish.source["core_rounds"] = core.rounds;
  add_privacy(finish.source, table, csv->plan);
  warn_of_personal(comm, table);
  finish.files = {{"import.toml", request.settings.options_text}};
  return output->write(comm, staged, std::move(finish));
}

}  // namespace

Importer sequences_importer() {
  return {"user–item lines (pairs, or CSV with more columns) to a row a user, items in order", &core::Schema::of<SequencesOptions>(), run_sequences};
}

}  // namespace cohort::datasets
