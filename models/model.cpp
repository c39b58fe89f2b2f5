#include "models/model.h"

#include <mutex>

namespace cohort::models {
namespace {

struct Registry {
  std::mutex mutex;
  std::map<std::string, ModelType> types;
  core::Alternatives alternatives;
};

// Filled before main's work begins and only read afterwards.
Registry& registry() {
  static Registry instance;
  return instance;
}

}  // namespace

Layout layout_of(const datasets::FittedFeatures& features) {
  Layout layout{.dense_width = features.dense_width(), .categorical = {}, .sequences = {}};
  for (const datasets::CategoricalFeature& feature : features.categorical) layout.categorical.push_back({feature.column, feature.cardinality()});
  for (const datasets::SequenceFeature& feature : features.sequences)
    layout.sequences.push_back({feature.column, feature.of == datasets::Kind::kCategorical ? feature.cardinality() : 0});
  return layout;
}

void register_model(const std::string& name, ModelType type) {
  Registry& r = registry();
  const std::lock_guard lock(r.mutex);
  if (r.types.count(name) != 0)
    throw core::usage_error("a model named '" + name + "' is registered already", "choose another name for one of the two");
  r.alternatives[name] = {type.options, type.help};
  r.types.emplace(name, std::move(type));
}

const ModelType& model_type(const std::string& name) {
  const auto& types = registry().types;
  if (const auto found = types.find(name); found != types.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known, type] : types) names.push_back(known);
  const std::string close = core::did_you_mean(name, names);
  throw core::usage_error("there is no model named '" + name + "'",
                          close.empty() ? "`cohort describe` lists the models" : "did you mean '" + close + "'?");
}

const core::Alternatives& model_alternatives() { return registry().alternatives; }

}  // namespace cohort::models
