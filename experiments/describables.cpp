#include "experiments/describables.h"

#include "datasets/import/import_options.h"
#include "datasets/import/importers.h"
#include "datasets/synth/generators.h"
#include "experiments/experiment.h"
#include "models/model.h"
#include "models/objective.h"
#include "trainer/optimizer.h"

namespace cohort::experiments {

const std::map<std::string, const core::Schema*>& describables() {
  // Built at the first use, when a program's own models are registered.
  static const std::map<std::string, const core::Schema*> all = [] {
    std::map<std::string, const core::Schema*> schemas = {{"experiment", &core::Schema::of<Experiment>()},
                                                          {"import", &core::Schema::of<datasets::ImportOptions>()}};
    for (const auto& [name, importer] : datasets::importers()) schemas["import " + name] = importer.options;
    for (const auto& [name, generator] : datasets::generators()) schemas["generator " + name] = generator.options;
    for (const auto& [name, model] : models::model_alternatives()) schemas["model " + name] = model.schema;
    for (const auto& [name, objective] : models::objective_alternatives()) schemas["objective " + name] = objective.schema;
    for (const auto& [name, optimizer] : trainer::optimizer_alternatives()) schemas["optimizer " + name] = optimizer.schema;
    return schemas;
  }();
  return all;
}

}  // namespace cohort::experiments
