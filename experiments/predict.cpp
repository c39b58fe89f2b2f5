#include "experiments/predict.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "core/durable_file.h"
#include "core/log.h"
#include "core/progress.h"
#include "datasets/import/csv_table.h"
#include "datasets/import/raw_rules.h"
#include "datasets/import/raw_table.h"
#include "datasets/prediction_file.h"
#include "experiments/experiment.h"
#include "experiments/registry.h"
#include "models/artifact/scorer.h"
#include "models/block_scoring.h"
#include "trainer/lane_workers.h"
#include "trainer/metrics.h"

namespace cohort::experiments {
namespace fs = std::filesystem;
namespace {

constexpr uint64_t kBlockRows = 64 * static_cast<uint64_t>(models::kScoreBlock);

struct Served {
  models::ArtifactContents contents;
  models::ServedNet net;
  std::vector<float> score(const datasets::RawTable& table) const { return models::score(contents.features, net, contents.manifest.outputs, table); }
};

Served load(const fs::path& registry, const std::string& artifact) {
  trainer::make_deterministic();
  trainer::use_one_intra_op_thread();
  Served served;
  served.contents = models::read_version(Registry(registry).find(parse_artifact_name(artifact)));
  served.net = models::rebuild(served.contents);
  return served;
}

/// The raw columns that the artifact reads, as the manifest of an older one tells.
datasets::Schema raw_schema(const models::ArtifactContents& contents) {
  datasets::Schema schema;
  for (const models::InputSpec& input : contents.manifest.inputs) {
    datasets::Column column;
    column.name = input.name;
    column.kind = datasets::kind_from_string(input.kind);
    column.dtype = datasets::dtype_from_string(input.dtype);
    column.missing_markers = input.missing_markers;
    schema.columns.push_back(std::move(column));
  }
  for (const datasets::SequenceFeature& feature : contents.features.sequences) {
    datasets::Column column;
    column.name = feature.column;
    column.kind = datasets::Kind::kSequence;
    column.of = feature.of;
    if (feature.of != datasets::Kind::kDense) column.dtype = feature.of == datasets::Kind::kTime ? datasets::DType::kInt64 : feature.vocabulary.dtype;
    schema.columns.push_back(std::move(column));
  }
  return schema;
}

/// How raw values are read: all from the artifact.
datasets::RawRules rules_of(const models::ArtifactContents& contents) {
  const auto rules = contents.extra.find(models::kRawRulesFile);
  if (rules == contents.extra.end()) return datasets::raw_rules(raw_schema(contents), contents.features.raw_columns());
  const auto tokenizers = contents.extra.find(models::kTokenizerFile);
  return datasets::read_raw_rules(rules->second, tokenizers == contents.extra.end() ? std::string() : tokenizers->second);
}

/// Throws Error (usage) when the dataset lacks a column or holds it in another form.
void require_columns(const models::ArtifactContents& contents, const datasets::Dataset& dataset) {
  const models::Manifest& manifest = contents.manifest;
  for (const models::InputSpec& input : manifest.inputs) {
    const datasets::Column& column = dataset.schema().at(input.name);
    const bool fits = input.kind == to_string(column.kind) && (input.kind == "dense" || input.dtype == to_string(column.dtype));
    if (!fits)
      throw core::usage_error(fmt::format("column '{}' is {} {} in the dataset, but the artifact reads {} {}", input.name, to_string(column.kind), to_string(column.dtype), input.kind, input.dtype),
                              "import the data with the import.toml of the training data");
  }
  for (const datasets::SequenceFeature& feature : contents.features.sequences) {
    const datasets::Column& column = dataset.schema().at(feature.column);
    const bool fits = column.kind == datasets::Kind::kSequence && column.of == feature.of &&
                      (feature.of != datasets::Kind::kCategorical || column.dtype == feature.vocabulary.dtype);
    if (!fits)
      throw core::usage_error(fmt::format("column '{}' holds other sequences in the dataset than the artifact reads", feature.column),
                              "import the data with the import.toml of the training data");
  }
}

/// Throws Error (usage) when pseudonyms among the features were made with another key in the dataset: all would be unknown.
void require_key(const models::ArtifactContents& contents, const datasets::Dataset& dataset) {
  const std::string needed = rules_of(contents).key_id;
  if (needed.empty()) return;
  const std::string found = dataset.manifest().value(nlohmann::json::json_pointer("/source/privacy/key_id"), std::string());
  if (found == needed) return;
  throw core::usage_error(fmt::format("the net knows pseudonyms made under the key {}, the dataset {}", needed, found.empty() ? "has none" : "was imported under the key " + found),
                          "import the data with the import.toml and the key file of the training data");
}

/// What an import's on_error did to some values or records: into the report, and said aloud.
void tell(const std::map<std::string, uint64_t>& counts, const char* key, const char* what, nlohmann::ordered_json& report) {
  if (!counts.empty()) report[key] = counts;
  for (const auto& [reason, count] : counts) spdlog::warn("{} {}: {}", count, what, reason);
}

/// Calls take(table, the rows' numbers) for every block of rows. What else there is to report goes into `report`.
template <class Take>
void for_blocks(const Served& served, const std::string& data, const fs::path& key_file, nlohmann::ordered_json& report, Take&& take) {
  const std::vector<std::string> columns = served.contents.features.raw_columns();
  if (fs::is_directory(data)) {
    const datasets::Dataset dataset = datasets::Dataset::open(data);
    require_columns(served.contents, dataset);
    require_key(served.contents, dataset);
    core::Progress progress("scoring", dataset.rows(), "rows");
    std::vector<uint64_t> numbers;
    for (uint64_t first = 0; first < dataset.rows(); first += kBlockRows) {
      const uint64_t count = std::min(kBlockRows, dataset.rows() - first);
      numbers.resize(count);
      dataset.read_row_numbers(first, numbers);
      take(datasets::read_raw(dataset, columns, first, count), numbers);
      progress.update(first + count);
    }
    progress.finish();
    return;
  }
  datasets::CsvTableReader reader(data, rules_of(served.contents), columns, key_file);
  core::Progress progress("scoring", 0, "rows");
  for (datasets::RawTable table; reader.next(table);) {
    take(table, reader.numbers());
    progress.update(reader.numbers().back() + 1);
  }
  progress.finish();
  tell(reader.unreadable(), "unreadable", "values taken for missing, as the import's on_error says", report);
  tell(reader.dropped(), "dropped", "records not scored, as the import's on_error says", report);
}

/// `row,prediction` or `row,<class>,…`: written beside, synced, renamed.
class CsvOutput {
 public:
  CsvOutput(const fs::path& path, const models::Manifest& manifest) : path_(path), temporary_(path.string() + ".tmp"), file_(std::fopen(temporary_.c_str(), "wb")) {
    if (file_ == nullptr) throw core::system_error("can't write " + path.string(), errno);
    std::string header = "row";
    if (manifest.outputs == 1) {
      header += ",prediction";
    } else {
      for (const std::string& name : manifest.classes) header += ",prediction_" + name;
    }
    put(header + "\n");
  }
  ~CsvOutput() {
    if (file_ == nullptr) return;
    std::fclose(file_);
    std::error_code ignored;
    fs::remove(temporary_, ignored);
  }
  void rows(const std::vector<uint64_t>& numbers, const std::vector<float>& predictions) {
    const std::size_t k = numbers.empty() ? 1 : predictions.size() / numbers.size();
    std::string text;
    for (std::size_t r = 0; r < numbers.size(); ++r) {
      text += std::to_string(numbers[r]);
      for (std::size_t c = 0; c < k; ++c) text += fmt::format(",{}", predictions[r * k + c]);
      text += '\n';
    }
    put(text);
  }
  void commit() {
    const bool written = std::fflush(file_) == 0;
    const int reason = errno;
    std::FILE* file = std::exchange(file_, nullptr);
    if (std::fclose(file) != 0 || !written) throw core::system_error("can't write " + path_.string(), reason);
    core::sync_path(temporary_);
    if (std::rename(temporary_.c_str(), path_.c_str()) != 0) throw core::system_error("can't rename " + temporary_.string(), errno);
  }

 private:
  void put(const std::string& text) {
    if (std::fwrite(text.data(), 1, text.size(), file_) != text.size()) throw core::system_error("can't write " + path_.string(), errno);
  }
  fs::path path_, temporary_;
  std::FILE* file_;
};

}  // namespace

nlohmann::ordered_json predict(const PredictRequest& request) {
  const Served served = load(request.registry, request.artifact);
  const models::Manifest& manifest = served.contents.manifest;
  uint64_t rows = 0;
  nlohmann::ordered_json report = {{"artifact", manifest.name}, {"version", manifest.version}, {"rows", rows}, {"out", request.out}};
  if (fs::path(request.out).extension() == ".h5") {
    std::vector<uint64_t> numbers;
    std::vector<float> predictions;
    for_blocks(served, request.data, request.key_file, report, [&](const datasets::RawTable& table, const std::vector<uint64_t>& n) {
      const std::vector<float> p = served.score(table);
      numbers.insert(numbers.end(), n.begin(), n.end());
      predictions.insert(predictions.end(), p.begin(), p.end());
    });
    datasets::write_prediction_file(request.out, numbers, {}, predictions, static_cast<std::size_t>(manifest.outputs));
    rows = numbers.size();
  } else {
    CsvOutput out(request.out, manifest);
    for_blocks(served, request.data, request.key_file, report, [&](const datasets::RawTable& table, const std::vector<uint64_t>& n) {
      out.rows(n, served.score(table));
      rows += n.size();
    });
    out.commit();
  }
  report["rows"] = rows;
  return report;
}

nlohmann::ordered_json evaluate(const EvaluateRequest& request, core::Communicator& comm) {
  trainer::Predictions mine;
  std::string task;
  nlohmann::ordered_json report;
  core::together(comm, [&] {
    const Served served = load(request.registry, request.artifact);
    const models::Manifest& manifest = served.contents.manifest;
    const datasets::Dataset dataset = datasets::Dataset::open(request.data);
    require_columns(served.contents, dataset);
    require_key(served.contents, dataset);
    const std::vector<std::string> labels = dataset.schema().names(datasets::Kind::kLabel);
    if (labels.empty()) throw core::usage_error("the dataset has no label column", "evaluation needs labels; `cohort predict` needs none");

    const auto found = served.contents.extra.find("config.toml");
    Experiment experiment;
    if (found != served.contents.extra.end()) experiment = read_experiment(core::TomlDocument::parse(found->second, "config.toml"));
    const std::string label = experiment.data.label.empty() ? labels.front() : experiment.data.label;
    std::optional<datasets::Split> split;
    datasets::Part part = datasets::Part::kTest;
    if (!request.split.empty()) {
      split = datasets::Split::make(dataset, experiment.split, experiment.data.fold, label, static_cast<uint64_t>(experiment.seed));
      part = request.split == "train" ? datasets::Part::kTrain : request.split == "valid" ? datasets::Part::kValid : datasets::Part::kTest;
    }
    const uint64_t rows = split ? split->size(part) : dataset.rows();
    const auto row_of = [&](uint64_t i) { return split ? split->row(part, i) : i; };

    const auto block = static_cast<uint64_t>(models::kScoreBlock);
    const uint64_t blocks = (rows + block - 1) / block, r = static_cast<uint64_t>(comm.rank()), n = static_cast<uint64_t>(comm.size());
    mine.outputs = manifest.outputs;
    mine.total = rows;
    mine.first = std::min(rows, blocks * r / n * block);
    const uint64_t last = std::min(rows, blocks * (r + 1) / n * block);
    const datasets::Column& column = dataset.schema().at(label);
    for (uint64_t i = mine.first; i < last;) {
      // Neighbouring rows are read together.
      const uint64_t first = row_of(i);
      uint64_t count = 1;
      while (i + count < last && count < kBlockRows && row_of(i + count) == first + count) ++count;
      const std::vector<float> p = served.score(datasets::read_raw(dataset, served.contents.features.raw_columns(), first, count));
      mine.prediction.insert(mine.prediction.end(), p.begin(), p.end());
      std::vector<float> y(count);
      if (column.dtype == datasets::DType::kInt32) {
        std::vector<int32_t> classes(count);
        dataset.read(column, first, std::span<int32_t>(classes));
        std::copy(classes.begin(), classes.end(), y.begin());
      } else {
        dataset.read(column, first, std::span<float>(y));
      }
      mine.label.insert(mine.label.end(), y.begin(), y.end());
      for (uint64_t k = 0; k < count; ++k) mine.row.push_back(first + k);
      i += count;
    }
    task = manifest.task;
    report = {{"artifact", manifest.name}, {"version", manifest.version}, {"split", request.split.empty() ? "all" : request.split}, {"rows", mine.total}};
  });
  for (const auto& [name, value] : trainer::compute_metrics(comm, mine, task, request.threshold))
    report["metrics"][name] = std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json();
  return report;
}

}  // namespace cohort::experiments
