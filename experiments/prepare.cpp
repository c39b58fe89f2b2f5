#include "experiments/prepare.h"

#include <fmt/format.h>

#include "core/log.h"
#include "experiments/start_contract.h"

namespace cohort::experiments {
namespace {

using datasets::Column;
using datasets::Kind;

std::string joined(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return list;
}

/// The label column: the one named, else the only one there is.
const Column* find_label(const Experiment& experiment, const datasets::Dataset& dataset, core::Diagnostics& diagnostics) {
  const std::vector<std::string> labels = dataset.schema().names(Kind::kLabel);
  const std::string& name = experiment.data.label;
  if (name.empty()) {
    if (labels.size() == 1) return dataset.schema().find(labels.front());
    diagnostics.error("data.label", labels.empty() ? "the dataset has no label column" : "the dataset has several label columns: " + joined(labels),
                      labels.empty() ? "import it again with a column of kind = \"label\"" : "name one in data.label");
    return nullptr;
  }
  const Column* column = dataset.schema().find(name);
  if (column != nullptr && column->kind == Kind::kLabel) return column;
  const std::string close = core::did_you_mean(name, labels);
  diagnostics.error("data.label", column == nullptr ? fmt::format("the dataset has no column '{}'{}", name, close.empty() ? "" : "; did you mean '" + close + "'?")
                                                    : fmt::format("column '{}' is of kind {}, not label", name, to_string(column->kind)),
                    "label columns of this dataset: " + (labels.empty() ? std::string("none") : joined(labels)));
  return nullptr;
}

std::string find_weight(const Experiment& experiment, const datasets::Dataset& dataset, core::Diagnostics& diagnostics) {
  const std::string& name = experiment.data.weight;
  if (name.empty()) return name;
  const Column* column = dataset.schema().find(name);
  if (column == nullptr || column->kind != Kind::kWeight)
    diagnostics.error("data.weight", fmt::format("the dataset has no weight column '{}'", name), "import it with kind = \"weight\"");
  return name;
}

/// Whether the objective can learn this label.
void check_objective(const Experiment& experiment, const Column& label, core::Diagnostics& diagnostics) {
  const std::string& objective = experiment.objective.name();
  const std::size_t classes = label.classes.size();
  if (objective == "binary" && classes != 2)
    diagnostics.error("objective.name", fmt::format("objective 'binary' needs a label of two classes; '{}' has {}", label.name, classes == 0 ? "none: it is a number" : std::to_string(classes)),
                      classes == 0 ? "use objective.name = \"regression\"" : "use objective.name = \"multiclass\"");
  if (objective == "multiclass" && classes < 2)
    diagnostics.error("objective.name", fmt::format("objective 'multiclass' needs a label of classes; '{}' is a number", label.name), "use objective.name = \"regression\"");
  if (objective == "regression" && classes > 2)
    diagnostics.error("objective.name", fmt::format("objective 'regression' needs a number as label; '{}' has {} classes", label.name, classes), "use objective.name = \"multiclass\"");
}

}  // namespace

Prepared prepare(Experiment experiment, const core::TomlDocument& document, core::Communicator& comm) {
  std::optional<datasets::Dataset> opened;
  core::together(comm, [&] {
    if (experiment.data.path.empty())
      throw core::usage_error("the experiment names no dataset", "set data.path, or pass --data DATASET").at(document.place("data"));
    opened.emplace(datasets::Dataset::open(experiment.data.path));
  });
  agree_on_dataset(*opened, comm);
  std::optional<Prepared> prepared;
  core::together(comm, [&] {
    core::Diagnostics diagnostics(document);
    datasets::Dataset& dataset = *opened;
    const Column* label = find_label(experiment, dataset, diagnostics);
    const std::string weight = find_weight(experiment, dataset, diagnostics);
    datasets::check_features(experiment.features, dataset.schema(), "features", diagnostics);
    datasets::check_options(experiment.checks, dataset.schema(), "checks", diagnostics);
    if (label != nullptr) datasets::check_loader(experiment.loader, dataset.schema(), label->name, "loader", diagnostics);
    if (label != nullptr) check_objective(experiment, *label, diagnostics);
    diagnostics.throw_if_errors();
    if (comm.is_root() && !diagnostics.warnings().empty()) spdlog::warn("{}", diagnostics.warnings());

    datasets::Split split = [&] {
      try {
        return datasets::Split::make(dataset, experiment.split, experiment.data.fold, label->name, static_cast<uint64_t>(experiment.seed));
      } catch (core::Error& error) {
        throw error.at(document.place("split"));
      }
    }();
    const auto classes = static_cast<int64_t>(label->classes.size());
    std::unique_ptr<models::Objective> objective;
    try {
      objective = models::make_objective(experiment.objective, classes);
    } catch (core::Error& error) {
      throw error.at(document.place("objective"));
    }
    datasets::Targets targets{.label = label->name, .weight = weight};
    prepared.emplace(Prepared{.experiment = std::move(experiment), .dataset = std::move(dataset), .split = std::move(split), .targets = std::move(targets),
                              .classes = classes, .objective = std::move(objective)});
  });
  agree_on_split(prepared->split, comm);
  return std::move(*prepared);
}

datasets::FittedFeatures fit(const Prepared& prepared, core::Communicator& comm) {
  std::vector<std::string> not_features = {prepared.targets.label};
  if (!prepared.targets.weight.empty()) not_features.push_back(prepared.targets.weight);
  return datasets::fit_features(prepared.experiment.features, prepared.dataset, prepared.split, not_features, comm);
}

trainer::NetSpec net_spec(const Prepared& prepared, const datasets::FittedFeatures& features) {
  trainer::NetSpec spec;
  spec.model = prepared.experiment.model.name();
  // The experiment outlives the net: no copy is needed, and none is owned.
  spec.options = std::shared_ptr<const void>(prepared.experiment.model.data(), [](const void*) {});
  spec.layout = models::layout_of(features);
  spec.outputs = prepared.objective->outputs();
  spec.seed = static_cast<uint64_t>(prepared.experiment.seed);
  return spec;
}

}  // namespace cohort::experiments
