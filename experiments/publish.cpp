#include "experiments/publish.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/durable_file.h"
#include "core/log.h"
#include "datasets/import/raw_rules.h"
#include "datasets/import/raw_table.h"
#include "datasets/text/tokenizer_file.h"
#include "experiments/registry.h"
#include "models/artifact/artifact_folder.h"
#include "models/artifact/model_card.h"
#include "models/artifact/scorer.h"
#include "models/export/onnx_exporter.h"
#include "models/export/parity.h"

namespace cohort::experiments {
namespace {

constexpr uint64_t kRealRows = 1000;
constexpr int64_t kHostileRows = 256;

/// Rows of the test split in raw values (of the training split where there is no test split), spread over the split.
datasets::RawTable real_rows(const Prepared& prepared, const datasets::FittedFeatures& features) {
  const datasets::Part part = prepared.split.size(datasets::Part::kTest) > 0 ? datasets::Part::kTest : datasets::Part::kTrain;
  const uint64_t first = prepared.split.row(part, 0);
  // A run of stored rows is one read a column; which split they belong to doesn't matter to parity.
  const uint64_t count = std::min(kRealRows, prepared.dataset.rows() - first);
  return datasets::read_raw(prepared.dataset, features.columns(), first, count);
}

models::Parity check_parity(const Prepared& prepared, const datasets::FittedFeatures& features, const models::ServedNet& net, const std::string& onnx,
                            const std::filesystem::path& scratch) {
  models::Parity parity;
  if (prepared.experiment.artifact.parity == "skip") {
    parity.note = "artifact.parity = \"skip\"";
    spdlog::warn("the artifact is published unverified: artifact.parity = \"skip\"");
    return parity;
  }
  const std::filesystem::path model = scratch / ".parity-model.onnx";
  core::write_file_durably(model, onnx);
  const models::RawTable real = real_rows(prepared, features);
  const models::RawTable hostile = models::hostile_rows(features, real, kHostileRows, static_cast<uint64_t>(prepared.experiment.seed));
  const int64_t outputs = prepared.objective->outputs();
  parity.rows = static_cast<int64_t>(real.rows);
  parity.hostile_rows = static_cast<int64_t>(hostile.rows);
  parity.max_abs_error = models::largest_difference(models::run_onnx(model, real), models::score(features, net, outputs, real));
  parity.hostile_max_error = models::largest_difference(models::run_onnx(model, hostile), models::score(features, net, outputs, hostile));
  std::error_code ignored;
  std::filesystem::remove(model, ignored);
  const double worst = std::max(parity.max_abs_error, parity.hostile_max_error);
  if (!(worst <= prepared.experiment.artifact.tolerance))
    throw core::failed_error(fmt::format("ONNX Runtime and libtorch differ by {:.3g} on the same rows, more than artifact.tolerance = {:.3g}; nothing was published",
                                         worst, prepared.experiment.artifact.tolerance),
                             "look for values far outside the training data; artifact.parity = \"skip\" publishes unverified");
  parity.verified = true;
  return parity;
}

std::string link_name(models::Link link) {
  return link == models::Link::kSigmoid ? "sigmoid" : link == models::Link::kSoftmax ? "softmax" : "identity";
}

}  // namespace

void require_writable_registry(const std::filesystem::path& registry, const ArtifactOptions& options) {
  if (!options.name.empty()) Registry(registry).require_writable();
}

nlohmann::ordered_json publish(const Prepared& prepared, const datasets::FittedFeatures& features, trainer::Trained& trained,
                               const models::NamedTensors& weights, RunFolder& run, const std::filesystem::path& registry) {
  const Experiment& experiment = prepared.experiment;
  const auto& info = run.info();
  const models::ServedNet net = trainer::served_net(trained.state, *prepared.objective, weights);
  models::ArtifactContents contents;
  contents.onnx = models::export_onnx(features, net,
                                      {{"run", run.path().filename().string()}, {"experiment_identity", experiment.identity()},
                                       {"dataset_identity", prepared.dataset.identity()}, {"weights_sha256", info.value("weights_sha256", "")}});
  contents.weights = weights;
  contents.features = features;
  contents.extra["config.toml"] = core::Schema::of<Experiment>().to_toml(&experiment);
  contents.extra[models::kRawRulesFile] = datasets::raw_rules_file(datasets::raw_rules(prepared.dataset, features.raw_columns()));
  if (std::string tokenizers = datasets::tokenizer_file(prepared.dataset.schema()); !tokenizers.empty()) {
    contents.extra[models::kTokenizerFile] = std::move(tokenizers);
  }

  if (const std::filesystem::path unseen = run.path() / kUnseenFile; std::filesystem::exists(unseen)) contents.extra[kUnseenFile] = core::read_file(unseen);

  models::Manifest& manifest = contents.manifest;
  manifest.name = experiment.artifact.name;
  manifest.created = iso_time(now_seconds());
  manifest.inputs = models::input_specs(features, prepared.dataset.schema());
  manifest.outputs = prepared.objective->outputs();
  manifest.task = prepared.objective->task();
  manifest.link = link_name(net.link);
  manifest.classes = prepared.dataset.schema().at(prepared.targets.label).classes;
  manifest.model = experiment.model.name();
  manifest.model_options = experiment.model.schema()->to_json(experiment.model.data());
  manifest.objective = experiment.objective.name();
  manifest.objective_options = experiment.objective.schema()->to_json(experiment.objective.data());
  manifest.metrics = info.contains("metrics") ? info["metrics"] : nlohmann::ordered_json::object();
  manifest.lineage = {{"run", run.path().filename().string()}, {"experiment", experiment.name}, {"experiment_identity", experiment.identity()},
                      {"seed", experiment.seed}, {"dataset_identity", prepared.dataset.identity()}, {"split_hash", prepared.split.hash()},
                      {"git", info["git"]}, {"libraries", info["libraries"]}};
  manifest.parity = check_parity(prepared, features, net, contents.onnx, run.path());

  const std::filesystem::path folder = Registry(registry).publish(experiment.artifact.name, [&](const std::filesystem::path& staging, int64_t version) {
    manifest.version = version;
    contents.model_card = models::model_card(manifest, {.summary = fmt::format("{} trained by experiment {}", experiment.model.name(), experiment.name),
                                                        .intended_use = experiment.artifact.intended_use, .limits = experiment.artifact.limits, .license = "",
                                                        .owners = {}, .dataset = std::filesystem::path(experiment.data.path).filename().string(),
                                                        .dataset_rows = prepared.dataset.rows()});
    return models::write_version(staging, contents);
  });
  spdlog::info("published {}; ONNX Runtime and libtorch differ by at most {:.2g} on real rows, {:.2g} on hostile ones", folder.string(),
               manifest.parity.max_abs_error, manifest.parity.hostile_max_error);
  return {{"name", experiment.artifact.name}, {"version", manifest.version}, {"path", folder.string()},
          {"parity", {{"verified", manifest.parity.verified}, {"max_abs_error", manifest.parity.max_abs_error}, {"hostile_max_error", manifest.parity.hostile_max_error}}}};
}

}  // namespace cohort::experiments
