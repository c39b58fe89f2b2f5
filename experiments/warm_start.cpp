#include "experiments/warm_start.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include <ATen/ops/empty.h>

#include "core/log.h"
#include "models/initial_vectors.h"

namespace cohort::experiments {
namespace {

/// The earlier feature of the same column and type.
template <class Feature>
const Feature& same_column(const std::vector<Feature>& earlier, const Feature& now, const std::string& from) {
  const auto found = std::find_if(earlier.begin(), earlier.end(), [&](const Feature& f) { return f.column == now.column; });
  if (found == earlier.end())
    throw core::usage_error(fmt::format("start.from: {} has no feature '{}'", from, now.column), "train with the features that it was trained with, or start anew");
  return *found;
}

/// Values of a table's rows, as text; "" where a row stands for none.
std::vector<std::string> values_of_table(const models::TableSpec& spec, const datasets::FittedFeatures& features) {
  const auto feature = static_cast<std::size_t>(spec.feature);
  if (spec.pooling == models::Pooling::kNone) return models::values_of_indices(features.categorical[feature]);
  return models::values_of_indices(features.sequences[feature].vocabulary);
}

}  // namespace

void StartOptions::describe(core::Describe<StartOptions>& d) {
  using O = StartOptions;
  d.field("from", &O::from, "an artifact's version (its folder) whose weights training goes on from, values of vocabularies found by value; empty starts anew");
  d.field("forget_after", &O::forget_after, "a value that was missing from so many training splits in a row leaves its vocabulary; 0 keeps all").min(0).unit("trainings");
}

WarmStart::WarmStart(const StartOptions& options) : options_(options), contents_(models::read_version(options.from)) {
  const auto found = contents_.extra.find(kUnseenFile);
  unseen_then_ = found == contents_.extra.end() ? nlohmann::json::object() : nlohmann::json::parse(found->second);
}

void WarmStart::grow_vocabulary(datasets::CategoricalFeature& feature, const datasets::CategoricalFeature& earlier) {
  if (feature.dtype != earlier.dtype)
    throw core::usage_error(fmt::format("start.from: column '{}' holds {} there and other values here", feature.column,
                                        earlier.dtype == datasets::DType::kString ? "text" : "integers"),
                            "import it with the same type, or start anew");
  const auto merge = [&](auto& now, const auto& then, const auto& text_of) {
    std::remove_cvref_t<decltype(now)> merged = now;
    for (const auto& value : then) {
      if (std::binary_search(now.begin(), now.end(), value)) continue;
      const std::string text = text_of(value);
      const auto column = unseen_then_.find(feature.column);
      const int64_t missed = 1 + (column == unseen_then_.end() ? 0 : column->value(text, int64_t{0}));
      if (options_.forget_after > 0 && missed >= options_.forget_after) {
        ++forgotten_;
        continue;
      }
      merged.push_back(value);
      unseen_now_[feature.column][text] = missed;
      ++kept_;
    }
    for (const auto& value : now) added_ += std::binary_search(then.begin(), then.end(), value) ? 0 : 1;
    std::sort(merged.begin(), merged.end());
    now = std::move(merged);
  };
  merge(feature.strings, earlier.strings, [](const std::string& value) { return value; });
  merge(feature.integers, earlier.integers, [](int64_t value) { return std::to_string(value); });
}

datasets::FittedFeatures WarmStart::grow(const datasets::FittedFeatures& fitted) {
  datasets::FittedFeatures grown = fitted;
  const datasets::FittedFeatures& earlier = contents_.features;
  if (grown.dense.size() != earlier.dense.size() || grown.categorical.size() != earlier.categorical.size() ||
      grown.sequences.size() != earlier.sequences.size())
    throw core::usage_error(fmt::format("start.from: {} has other features than this experiment", options_.from),
                            "train with the features that it was trained with, or start anew");
  for (const datasets::DenseFeature& feature : fitted.dense) same_column(earlier.dense, feature, options_.from);
  grown.dense = earlier.dense;
  for (datasets::CategoricalFeature& feature : grown.categorical) grow_vocabulary(feature, same_column(earlier.categorical, feature, options_.from));
  for (datasets::SequenceFeature& feature : grown.sequences) {
    const datasets::SequenceFeature& then = same_column(earlier.sequences, feature, options_.from);
    feature.scale = then.scale;
    if (feature.of == datasets::Kind::kCategorical) grow_vocabulary(feature.vocabulary, then.vocabulary);
  }
  return grown;
}

std::string WarmStart::unseen() const { return unseen_now_.dump(1) + "\n"; }

std::string WarmStart::report() const {
  return fmt::format("going on from {}: {} new values, {} kept that this training split doesn't have, {} forgotten", options_.from, added_, kept_, forgotten_);
}

void WarmStart::apply(trainer::ModelState& state, const datasets::FittedFeatures& features, core::Communicator& comm) const {
  std::map<std::string, at::Tensor> tensors;
  // Every rank has the whole start, so that what a rank keeps of it doesn't matter here.
  const models::NamedTensors random_start = state.gather();
  core::together(comm, [&] {
    const std::map<std::string, at::Tensor> earlier(contents_.weights.begin(), contents_.weights.end());
    const auto tensor_of = [&](const std::string& name, at::IntArrayRef shape) -> const at::Tensor& {
      const auto found = earlier.find(name);
      if (found == earlier.end() || found->second.sizes() != shape)
        throw core::usage_error(fmt::format("start.from: parameter '{}' is absent in {} or has another shape than the net's", name, options_.from),
                                "use the model and the options that it was trained with, or start anew");
      return found->second;
    };
    for (const trainer::FlatEntry& entry : state.layout().parameters()) tensors[entry.name] = tensor_of(entry.name, entry.shape);
    for (const trainer::FlatEntry& entry : state.layout().states()) tensors[entry.name] = tensor_of(entry.name, entry.shape);
  });
  for (const models::TableSpec& spec : state.specs()) {
    const std::string name = "tables." + spec.name;
    at::Tensor table = at::empty({spec.rows, spec.dim}, at::kFloat);
    const auto start = std::find_if(random_start.begin(), random_start.end(), [&](const auto& item) { return item.first == name; });
    if (comm.is_root()) table.copy_(start->second);
    comm.broadcast(std::as_writable_bytes(std::span(table.data_ptr<float>(), static_cast<std::size_t>(table.numel()))), 0);
    core::together(comm, [&] {
      const auto found = std::find_if(contents_.weights.begin(), contents_.weights.end(), [&](const auto& item) { return item.first == name; });
      if (found == contents_.weights.end() || found->second.size(1) != spec.dim)
        throw core::usage_error(fmt::format("start.from: table '{}' is absent in {} or has another width", spec.name, options_.from),
                                "use the model and the options that it was trained with, or start anew");
      const std::vector<std::string> then = values_of_table(spec, contents_.features), now = values_of_table(spec, features);
      const models::VectorMatch match = models::match_vectors({then.begin() + datasets::kFirstIndex, then.end()}, now);
      const float* const from = found->second.data_ptr<float>();
      const auto copy = [&](int64_t source, int64_t row) {
        std::memcpy(table.data_ptr<float>() + row * spec.dim, from + source * spec.dim, static_cast<std::size_t>(spec.dim) * sizeof(float));
      };
      // Unknown and missing have no value; nor has the mask of sequences, the last row.
      for (int64_t row = 0; row < datasets::kFirstIndex; ++row) copy(row, row);
      if (spec.pooling != models::Pooling::kNone) copy(found->second.size(0) - 1, spec.rows - 1);
      for (std::size_t row = 0; row < match.source.size(); ++row) {
        if (match.source[row] >= 0) copy(match.source[row] + datasets::kFirstIndex, static_cast<int64_t>(row));
      }
    });
    tensors[name] = std::move(table);
  }
  state.load(tensors, options_.from);
}

}  // namespace cohort::experiments
