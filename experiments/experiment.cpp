#include "experiments/experiment.h"

#include <algorithm>
#include <filesystem>

#include "core/durable_file.h"
#include "models/model.h"
#include "models/objective.h"
#include "trainer/metrics.h"
#include "trainer/optimizer.h"

namespace cohort::experiments {
namespace {

bool is_plain_name(const std::string& name) {
  return std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_' || c == '.'; }) &&
         (name.empty() || std::isalnum(static_cast<unsigned char>(name.front())));
}

std::string name_rule(const std::string& what, const std::string& name) {
  return is_plain_name(name) ? "" : what + " may hold letters, digits, '-', '_' and '.', and begins with a letter or digit";
}

/// Where a fold file lies: beside the experiment file, else as written.
void resolve(std::string& file, const std::string& experiment) {
  const std::filesystem::path beside = std::filesystem::path(experiment).parent_path() / file;
  if (!file.empty() && !std::filesystem::path(file).is_absolute() && std::filesystem::exists(beside)) file = beside.string();
}

void check_metric(const Experiment& experiment, core::Diagnostics& diagnostics) {
  const std::string& metric = experiment.early_stopping.metric;
  const std::string task = experiment.objective.name();
  const std::vector<std::string> names = trainer::metric_names(task);
  if (metric.empty() || std::find(names.begin(), names.end(), metric) != names.end()) return;
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  const std::string close = core::did_you_mean(metric, names);
  diagnostics.error("early_stopping.metric", "objective '" + task + "' has no metric '" + metric + "'" +
                    (close.empty() ? "" : "; did you mean '" + close + "'?"), "choose one of: " + list);
}

}  // namespace

void DataOptions::describe(core::Describe<DataOptions>& d) {
  using O = DataOptions;
  d.field("path", &O::path, "the dataset's folder; `--data` overrides it");
  d.field("label", &O::label, "the label column; empty takes the dataset's only one");
  d.field("weight", &O::weight, "a column of row weights; empty for none");
  d.field("fold", &O::fold, "which fold is the test split; −1 for none").min(-1);
}

void EvaluateOptions::describe(core::Describe<EvaluateOptions>& d) {
  d.field("threshold", &EvaluateOptions::threshold, "a probability from here on counts as positive, for the accuracy").min(0).max(1);
}

void ArtifactOptions::describe(core::Describe<ArtifactOptions>& d) {
  using O = ArtifactOptions;
  d.field("name", &O::name, "the registry's name for the trained model; empty publishes nothing");
  d.field("parity", &O::parity, "check: ONNX Runtime must agree before publishing; skip: publish unverified, which bars promotion").one_of({"check", "skip"});
  d.field("tolerance", &O::tolerance, "largest difference between ONNX Runtime and libtorch").above(0).max(0.1);
  d.field("intended_use", &O::intended_use, "for the model card: what the model is for");
  d.field("limits", &O::limits, "for the model card: what it must not be used for");
  d.rule("name", [](const O& o) { return name_rule("an artifact's name", o.name); });
}

void Experiment::describe(core::Describe<Experiment>& d) {
  using O = Experiment;
  d.field("name", &O::name, "the experiment's name: runs lie in RUNS/<name>/").required().non_empty();
  d.field("seed", &O::seed, "all random numbers follow from it").min(0);
  d.table("data", &O::data, "the dataset");
  d.table("split", &O::split, "training, validation and test rows");
  d.table("features", &O::features, "transforms from raw columns to the net's inputs");
  d.table("checks", &O::checks, "what is looked for in the data before step 1");
  d.table("loader", &O::loader, "how rows are read");
  d.choice("model", &O::model, &models::model_alternatives, "the net").required();
  d.choice("objective", &O::objective, &models::objective_alternatives, "what is learnt").required();
  d.table("embeddings", &O::embeddings, "where embedding tables lie, and what they start from");
  d.table("start", &O::start, "an earlier artifact that training goes on from");
  d.choice("optimizer", &O::optimizer, &trainer::optimizer_alternatives, "how parameters move").required();
  d.table("schedule", &O::schedule, "the learning rate over the run");
  d.table("averaging", &O::averaging, "an average of the weights instead of the last ones");
  d.table("train", &O::train, "batches, lanes and epochs");
  d.table("early_stopping", &O::early_stopping, "when to end early, and which epoch's weights to keep");
  d.table("guard", &O::guard, "what a run looks out for, and what it does then");
  d.table("evaluate", &O::evaluate, "metrics");
  d.table("artifact", &O::artifact, "what is published");
  d.rule("name", [](const O& o) { return name_rule("an experiment's name", o.name); });
}

std::string Experiment::identity() const {
  nlohmann::json json = core::Schema::of<Experiment>().to_json(this);
  json.erase("checks");
  for (const char* key : {"memory_mib", "spill", "prefetch", "threads"}) json["loader"].erase(key);
  json.erase("artifact");
  json["data"].erase("path");
  for (const char* key : {"plan", "memory_mib", "replicate_below_mib", "hot_rows", "tables"}) json["embeddings"].erase(key);
  for (const char* key : {"timeout", "check_every"}) json["guard"].erase(key);
  for (const char* key : {"threads", "bucket_kib", "checkpoint_every", "keep_checkpoints", "keep_best_checkpoints", "device", "device_transport", "device_graphs"}) json["train"].erase(key);
  return core::sha256_hex(json.dump());
}

Experiment read_experiment(const core::TomlDocument& document) {
  core::Diagnostics diagnostics(document);
  Experiment experiment = core::read_options<Experiment>(document, diagnostics);
  if (!diagnostics.has_errors()) check_metric(experiment, diagnostics);
  diagnostics.throw_if_errors();
  resolve(experiment.split.fold_file, document.name());
  resolve(experiment.split.valid_file, document.name());
  return experiment;
}

}  // namespace cohort::experiments
