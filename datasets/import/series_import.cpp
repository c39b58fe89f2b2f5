#include "datasets/import/series_import.h"

#include <algorithm>
#include <bit>
#include <set>

#include <spdlog/spdlog.h>

#include "core/error.h"
#include "core/toml_path.h"
#include "datasets/import/calendar_fields.h"
#include "datasets/import/csv_import.h"
#include "datasets/import/record_place.h"
#include "datasets/import/series_options.h"
#include "datasets/import/series_windows.h"

namespace cohort::datasets {
namespace {

constexpr uint64_t kWindowBlockBytes = 32 << 20;
constexpr uint64_t kWindowShardBytes = 256 << 20;

GapRule gap_rule(const std::string& word) {
  if (word == "fail") return GapRule::kFail;
  if (word == "skip") return GapRule::kSkip;
  if (word == "forward") return GapRule::kForward;
  return word == "zero" ? GapRule::kZero : GapRule::kInterpolate;
}

/// The column of the imported rows that an input's column became.
std::size_t column_at(const ImportPlan& plan, const std::string& source) {
  const auto field = std::find_if(plan.fields.begin(), plan.fields.end(), [&](const FieldPlan& f) { return f.source == source; });
  return field->column;
}

std::size_t number_in(const std::vector<std::string>& names, const std::string& name) {
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

SeriesPlan series_plan(const SeriesOptions& options, const ImportPlan& plan) {
  SeriesPlan series;
  series.columns.time = column_at(plan, options.time);
  for (const std::string& id : options.ids) series.columns.ids.push_back(column_at(plan, id));
  series.value_names = options.channels;
  series.value_names.insert(series.value_names.end(), options.known.begin(), options.known.end());
  for (const std::string& name : series.value_names) series.columns.values.push_back(column_at(plan, name));
  series.rules.step = TimeStep(options.step);
  series.rules.gaps = gap_rule(options.gaps);
  series.rules.max_gap = static_cast<uint64_t>(options.max_gap);
  series.rules.repeated = options.repeated == "fail"    ? RepeatRule::kFail
                          : options.repeated == "first" ? RepeatRule::kFirst
                                                        : RepeatRule::kSum;
  series.shape = {options.look_back, options.horizon, options.stride};
  if (!options.borders) {
    series.splits = {-1};
    return series;
  }
  constexpr int32_t kTestCode = 0, kTrainCode = 1, kValidCode = 2;  // of the dictionary in window_schema()
  const TimeFormat format(options.time_format);
  const auto add_border = [&](const std::string& text) {
    int64_t time = 0;
    format.parse(text, time);
    series.borders.push_back(time);
  };
  add_border(options.borders->train_until);
  series.splits = {kTrainCode};
  if (!options.borders->valid_until.empty()) {
    add_border(options.borders->valid_until);
    series.splits.push_back(kValidCode);
  }
  series.splits.push_back(kTestCode);
  if (!options.borders->test_until.empty()) add_border(options.borders->test_until);
  return series;
}

WindowColumns window_columns(const SeriesOptions& options, const std::vector<std::string>& values) {
  WindowColumns content;
  content.split = options.borders.has_value();
  if (options.label) {
    content.label = true;
    content.label_value = number_in(values, options.label->channel);
    content.label_step = options.label->take == "step" ? options.label->step : 0;
    content.label_mean = options.label->take == "mean";
    content.label_name = options.label->name;
  }
  for (std::size_t i = 0; options.target_sequences && i < options.targets.size(); ++i)
    content.targets.push_back(number_in(values, options.targets[i]));
  for (const std::string& name : options.known) content.known.push_back(number_in(values, name));
  for (const std::string& field : options.calendar.fields) content.calendar.push_back(calendar_field(field));
  content.cyclic = options.calendar.encoding == "cyclic";
  content.calendar_origin = options.calendar.origin;
  content.calendar_horizon = options.calendar.horizon;
  return content;
}

void check_window_names(const Schema& schema) {
  std::set<std::string> names;
  for (const Column& column : schema.columns) {
    if (names.insert(column.name).second) continue;
    throw core::usage_error("two columns of the windows would be named " + core::toml_string(column.name),
                            "give the input's column another name: rename in its [columns] table");
  }
}

/// Windows are wide: chunks, shards and filter follow from their size rather than from a number of rows.
StoreOptions window_store(const StoreSettings& settings, uint64_t bytes_per_window) {
  StoreOptions store = store_options(settings);
  bytes_per_window = std::max<uint64_t>(1, bytes_per_window);
  if (store.chunk_rows == 0)
    store.chunk_rows = std::clamp<uint64_t>(std::bit_floor(std::max<uint64_t>(1, kWindowBlockBytes / bytes_per_window)), 64, 16384);
  if (store.rows_per_shard == 0)
    store.rows_per_shard = std::max<uint64_t>(1, kWindowShardBytes / bytes_per_window / store.chunk_rows) * store.chunk_rows;
  // Windows overlap: there is always something to gain.
  if (store.filter == "auto") store.filter = "deflate";
  return store;
}

std::string mebibytes(uint64_t bytes) { return std::to_string((bytes + (1 << 19)) >> 20); }

/// What the summary and the manifest say of series; zero counts are left out of the first.
void add_series_counts(const SeriesCounts& counts, uint64_t windows, uint64_t bytes, ImportCounts& all, nlohmann::ordered_json& source) {
  source["series"] = {{"series", counts.series},
                      {"too_short", counts.too_short},
                      {"rows", counts.rows},
                      {"repeated", counts.repeated},
                      {"absent_steps", counts.absent_steps},
                      {"missing_values", counts.missing_values},
                      {"filled_values", counts.filled_values},
                      {"left_out_steps", counts.left_out_steps},
                      {"skipped_windows", counts.skipped_windows},
                      {"windows", windows},
                      {"bytes", bytes * windows}};
  const auto show_count = [&](const std::string& what, uint64_t count) {
    if (count > 0) all.cleaned[what] += count;
  };
  show_count("series", counts.series);
  show_count("series too short for a window", counts.too_short);
  show_count("rows at the time of an earlier one", counts.repeated);
  show_count("steps without a row", counts.absent_steps);
  show_count("missing values in channels", counts.missing_values);
  show_count("missing values filled", counts.filled_values);
  show_count("steps left out for what they lack", counts.left_out_steps);
  show_count("windows left out because of gaps", counts.skipped_windows);
  all.cleaned["MiB of windows before compression"] = std::stoull(mebibytes(bytes * windows));
}

ImportSummary run_series(const ImportRequest& request) {
  core::Communicator& comm = request.comm;
  auto options = read_import_options<SeriesOptions>(request);
  const std::vector<ImportInput> inputs = request_inputs(request, options);
  const nlohmann::ordered_json stated = core::Schema::of<SeriesOptions>().to_json(&options);
  const std::string found = core::text_from_root(comm, [&] {
    std::vector<std::string> names = read_column_names(options, inputs.front());
    for (const JoinOptions& join : options.join) {
      for (std::string& name : joined_names(join, expand_files(join.files, request.settings.options_folder)))
        names.push_back(std::move(name));
    }
    return nlohmann::json(names).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  });
  core::together(comm, [&] {
    core::Diagnostics diagnostics(request.document);
    complete_series_options(options, nlohmann::json::parse(found).get<std::vector<std::string>>(), diagnostics);
    diagnostics.throw_if_errors();
  });
  StagedDataset staged(comm, request.settings.folder);
  WorkerPool pool(request.settings.threads);
  std::unique_ptr<CsvTable> csv = spool_csv(comm, inputs, options, request.document, request.settings, staged, pool);
  const SeriesPlan plan = series_plan(options, csv->plan);
  const Schema rows_schema = csv->table.schema;
  const PlaceOfRow place_of = [&](uint64_t position) {
    RowBlock row;
    csv->table.rows->read(position, 1, row);
    return place_of_record(row.row[0], inputs, csv->table.inputs, csv_format(options.csv), csv->plan.own_fields);
  };
  const SeriesPoints points =
      make_points(comm, *csv->table.rows, rows_schema, plan, options.on_error != "fail", staged.path(), pool, place_of);
  csv->table.rows.reset();
  const WindowColumns content = window_columns(options, plan.value_names);
  const Schema schema = window_schema(rows_schema, plan.columns, content);
  const WindowCutter cutter(points, plan.shape, plan.columns.ids.size(), content, schema);
  core::together(comm, [&] {
    check_window_names(schema);
    if (cutter.windows() > 0) return;
    throw core::usage_error(
        "no series is long enough for a window of " + std::to_string(options.look_back) + " + " + std::to_string(options.horizon) +
            " steps" + (points.counts.skipped_windows > 0 ? ", gaps left out" : ""),
        points.counts.skipped_windows > 0 ? "fill the gaps: gaps = \"forward\"" : "shorten look_back or horizon, or move the borders")
        .at({inputs.front().file.string(), 0, 0});
  });
  const uint64_t bytes = cutter.bytes();
  ImportCounts counts = csv->table.counts;
  counts.rows = cutter.windows();
  counts.classes.assign(schema.columns.size(), {});
  for (const auto& [reason, count] : points.dropped) counts.dropped[reason] += count;
  nlohmann::ordered_json source;
  source["format"] = request.format;
  if (!csv->join_counts.is_null()) source["joins"] = csv->join_counts;
  source["options"] = stated;
  add_series_counts(points.counts, cutter.windows(), bytes, counts, source);
  add_counts(source, counts, csv->table.inputs);
  add_privacy(source, csv->table, csv->plan);
  for (const PersonalFinding& finding : csv->table.personal) {
    if (comm.is_root() && !finding.allowed) spdlog::warn("{}", finding.message());
  }
  DatasetContent dataset;
  dataset.schema = schema;
  dataset.parts = points.parts;
  dataset.fill = [&](uint64_t first, uint64_t count, RowBlock& block) { cutter.read(first, count, block); };
  dataset.source = std::move(source);
  dataset.files = {{"import.toml", request.settings.options_text}};
  const std::string identity = write_dataset(comm, staged, std::move(dataset), window_store(options.store, bytes), pool);
  return summary_of(counts, schema, identity);
}

}  // namespace

Importer series_importer() {
  return {"time series, wide or long, as windows of history and horizon", &core::Schema::of<SeriesOptions>(), run_series};
}

}  // namespace cohort::datasets
