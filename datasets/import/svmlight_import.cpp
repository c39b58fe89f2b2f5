#include "datasets/import/svmlight_import.h"

#include <algorithm>
#include <deque>
#include <future>
#include <limits>
#include <memory>

#include "core/error.h"
#include "datasets/import/csv_blocks.h"
#include "datasets/import/input_shares.h"
#include "datasets/import/spooled_table.h"
#include "datasets/import/svmlight_options.h"
#include "datasets/import/svmlight_parser.h"

namespace cohort::datasets {
namespace {

/// Beyond this a row is a sequence, not a list of columns.
constexpr int64_t kMostColumns = 10000;

/// How the block reader cuts such files: at line ends.
CsvFormat line_format() {
  CsvFormat format;
  format.delimiter = " ";
  format.quote = '\0';
  return format;
}

/// Collective. The lowest and highest index of all files, every rank over its share.
IndexRange find_range(core::Communicator& comm, const std::vector<ImportInput>& inputs, WorkerPool& pool) {
  IndexRange range;
  const std::vector<InputShare> shares = share_inputs(comm, inputs, line_format(), pool);
  core::together(comm, [&] {
    std::deque<std::future<IndexRange>> waiting;
    const auto take_first = [&] {
      const IndexRange found = waiting.front().get();
      waiting.pop_front();
      range = {std::min(range.low, found.low), std::max(range.high, found.high)};
    };
    for (const InputShare& share : shares) {
      CsvBlockReader reader(inputs[share.input].file, line_format(), share.range);
      std::string text;
      while (reader.next(text)) {
        waiting.push_back(pool.submit([block = std::make_shared<const std::string>(std::move(text))] { return svmlight_range(*block); }));
        if (waiting.size() > static_cast<std::size_t>(pool.threads()) + 2) take_first();
      }
    }
    while (!waiting.empty()) take_first();
  });
  std::vector<int64_t> bounds{range.low == INT64_MAX ? INT64_MIN : -range.low, range.high};
  comm.maximum(bounds);
  return {bounds[0] == INT64_MIN ? INT64_MAX : -bounds[0], bounds[1]};
}

/// Collective. Whether the first line of the first file has a query.
bool first_has_query(core::Communicator& comm, const ImportInput& input) {
  return core::text_from_root(comm, [&] {
           CsvBlockReader reader(input.file, line_format(), std::size_t{1} << 16);
           std::string text;
           return std::string(reader.next(text) && svmlight_has_query(text) ? "yes" : "no");
         }) == "yes";
}

Column svmlight_column(const std::string& name, Kind kind, DType dtype, Kind of = Kind::kDense) {
  Column column;
  column.name = name;
  column.kind = kind;
  column.dtype = dtype;
  column.of = of;
  return column;
}

Column label_column(const SvmlightOptions& options) {
  if (options.label == "sequence") return svmlight_column("labels", Kind::kSequence, DType::kInt64, Kind::kCategorical);
  Column column = svmlight_column("label", Kind::kLabel, options.classes.size() > 2 ? DType::kInt32 : DType::kFloat32);
  column.classes = options.classes;
  return column;
}

/// Collective.
SvmlightPlan make_svmlight_plan(core::Communicator& comm, const SvmlightOptions& options, const std::vector<ImportInput>& inputs,
                                WorkerPool& pool) {
  SvmlightPlan plan;
  plan.label = options.label == "number"    ? SvmlightLabel::kNumber
               : options.label == "classes" ? SvmlightLabel::kClasses
                                            : SvmlightLabel::kSequence;
  for (const std::string& text : options.classes) {
    double value = 0;
    plan.class_values.push_back(parse_number(text, value) == Parsed::kValue ? value : std::numeric_limits<double>::quiet_NaN());
  }
  plan.table.on_error = options.on_error == "fail" ? OnError::kFail : options.on_error == "drop" ? OnError::kDrop : OnError::kMissing;
  plan.query = options.qid == "auto" ? first_has_query(comm, inputs.front()) : options.qid != "none";
  plan.query_categorical = options.qid == "categorical";
  plan.dense = options.layout == "dense";
  plan.features = options.features;
  plan.first_index = options.zero_based == "false" ? 1 : 0;
  const bool base_unknown = options.zero_based == "auto" && (plan.dense || plan.features > 0);
  if (base_unknown || (plan.dense && plan.features == 0)) {
    const IndexRange range = find_range(comm, inputs, pool);
    if (options.zero_based == "auto") plan.first_index = range.low >= 1 ? 1 : 0;
    if (plan.features == 0) plan.features = std::max<int64_t>(0, range.high - plan.first_index + 1);
  }
  std::vector<Column>& columns = plan.table.schema.columns;
  columns.push_back(label_column(options));
  if (plan.query) columns.push_back(svmlight_column("qid", plan.query_categorical ? Kind::kCategorical : Kind::kId, DType::kInt64));
  core::together(comm, [&] {
    if (!plan.dense) return;
    if (plan.features == 0)
      throw core::usage_error("no line has a feature", "check the files, or set `features`").at({inputs.front().file.string(), 0, 0});
    if (plan.features > kMostColumns) {
      throw core::usage_error(std::to_string(plan.features) + " features are too many for a column each",
                              "set layout = \"sparse\", or number the features anew");
    }
  });
  if (plan.dense) {
    for (int64_t f = 0; f < plan.features; ++f) {
      columns.push_back(svmlight_column("f" + std::to_string(plan.first_index + f), Kind::kDense, DType::kFloat32));
    }
  } else {
    columns.push_back(svmlight_column("indices", Kind::kSequence, DType::kInt64, Kind::kCategorical));
    columns.push_back(svmlight_column("values", Kind::kSequence, DType::kFloat32));
  }
  plan.table.rules.resize(columns.size());
  if (!plan.dense) plan.table.rules[columns.size() - 2].min_count = static_cast<uint64_t>(options.min_count);
  return plan;
}

ImportSummary run_svmlight(const ImportRequest& request) {
  core::Communicator& comm = request.comm;
  const auto options = read_import_options<SvmlightOptions>(request);
  StagedDataset staged(comm, request.settings.folder);
  WorkerPool pool(request.settings.threads);
  TextTable text;
  text.inputs = request_inputs(request, options);
  for (ImportInput& input : text.inputs) input.header = false;
  text.format = line_format();
  const SvmlightPlan plan = make_svmlight_plan(comm, options, text.inputs, pool);
  text.parse = [&plan](std::string_view block, std::size_t) { return parse_svmlight(block, plan); };
  uint64_t total = 0;
  for (const ImportInput& input : text.inputs) {
    std::error_code error;
    const auto size = std::filesystem::file_size(input.file, error);
    total += error ? 0 : size;
  }
  const std::function<void(uint64_t)> progress = [&](uint64_t bytes) {
    if (request.settings.progress) request.settings.progress(bytes, total / static_cast<uint64_t>(comm.size()));
  };
  SpooledTable table = spool_table(comm, staged.path(), pool, text, plan.table, progress);
  nlohmann::ordered_json source;
  source["format"] = request.format;
  source["options"] = core::Schema::of<SvmlightOptions>().to_json(&options);
  return write_table(comm, staged, pool, std::move(table), plan.table, "keep", store_options(options.store), std::move(source),
                     {{"import.toml", request.settings.options_text}});
}

}  // namespace

Importer svmlight_importer() {
  return {"SVMlight and LIBSVM: label qid:Q index:value …", &core::Schema::of<SvmlightOptions>(), run_svmlight};
}

}  // namespace cohort::datasets
