#include "models/artifact/scorer.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include <ATen/core/grad_mode.h>

#include "datasets/loader/batch_memory.h"
#include "datasets/loader/raw_sequences.h"
#include "models/block_scoring.h"
#include "models/model.h"

namespace cohort::models {
namespace {


const RawTable::Column& column_of(const RawTable& table, const std::string& name) {
  const auto found = std::find_if(table.columns.begin(), table.columns.end(), [&](const RawTable::Column& c) { return c.name == name; });
  if (found == table.columns.end()) throw core::usage_error("the rows to score have no column '" + name + "'", "give every column that the artifact's manifest lists as an input");
  return *found;
}

/// Features of rows [first, first + rows) of a raw table, 64-byte aligned like the loader's.
datasets::RowBatch features_of(const datasets::FittedFeatures& features, const RawTable& table, std::size_t first, std::size_t rows) {
  const auto width = static_cast<std::size_t>(features.dense_width()), count = static_cast<std::size_t>(features.categorical_count());
  const auto padded = [](std::size_t bytes) { return (bytes + 63) / 64 * 64; };
  const std::size_t dense_bytes = padded(rows * width * sizeof(float)), id_bytes = padded(rows * count * sizeof(int32_t));
  datasets::RowBatch batch;
  batch.rows = static_cast<int64_t>(rows);
  batch.memory_bytes = dense_bytes + id_bytes;
  batch.memory = {datasets::aligned_bytes(batch.memory_bytes).release(), datasets::AlignedDelete()};
  batch.dense = reinterpret_cast<float*>(batch.memory.get());
  batch.ids = reinterpret_cast<int32_t*>(batch.memory.get() + dense_bytes);
  for (const datasets::DenseFeature& feature : features.dense)
    datasets::apply(feature, std::span<const float>(column_of(table, feature.column).floats).subspan(first, rows), batch.dense, static_cast<int64_t>(width));
  for (std::size_t c = 0; c < count; ++c) {
    const datasets::CategoricalFeature& feature = features.categorical[c];
    const RawTable::Column& column = column_of(table, feature.column);
    for (std::size_t r = 0; r < rows; ++r)
      batch.ids[r * count + c] = feature.dtype == datasets::DType::kString ? datasets::index_of(feature, column.strings[first + r])
                                                                          : datasets::index_of(feature, column.integers[first + r]);
  }
  // Rows made to compare the exported graph, whose inputs are single values, have none.
  const bool has_sequences = std::all_of(features.sequences.begin(), features.sequences.end(), [&](const datasets::SequenceFeature& feature) {
    return std::any_of(table.columns.begin(), table.columns.end(), [&](const RawTable::Column& column) { return column.name == feature.column; });
  });
  if (has_sequences) datasets::add_sequences(features, table, first, rows, batch);
  return batch;
}

/// The net behind ServedNet::forward, in the form score_block takes.
class ForwardNet final : public Net {
 public:
  explicit ForwardNet(const ServedNet& served) : served_(served) {}
  Outputs forward(const Batch& batch, Random&) override { return {{"logit", served_.forward(batch.dense, batch.embedded)}}; }

 private:
  const ServedNet& served_;
};

void copy_weight(at::Tensor target, const std::map<std::string, at::Tensor>& weights, const std::string& name, const std::string& artifact) {
  const auto found = weights.find(name);
  if (found == weights.end() || found->second.sizes() != target.sizes())
    throw core::damaged_error(fmt::format("artifact {}: weight '{}' is absent or has another shape than the model's", artifact, name),
                              "the artifact was written by another version of the model: score it with the program that trained it");
  target.copy_(found->second);
}

}  // namespace

ServedNet rebuild(const ArtifactContents& contents) {
  const at::NoGradGuard no_grad;
  const ModelType& type = model_type(contents.manifest.model);
  const std::shared_ptr<void> options = type.options->make();
  type.options->from_json(contents.manifest.model_options, options.get());
  const Layout layout = layout_of(contents.features);
  const std::map<std::string, at::Tensor> weights(contents.weights.begin(), contents.weights.end());
  const std::string name = fmt::format("{}@{}", contents.manifest.name, contents.manifest.version);

  const std::shared_ptr<Net> net = type.make(options.get(), layout, contents.manifest.outputs);
  net->eval();
  ServedNet served;
  for (auto& item : net->named_parameters()) {
    item.value().set_requires_grad(false);
    copy_weight(item.value(), weights, item.key(), name);
    served.weights.emplace_back(item.key(), item.value());
  }
  for (auto& item : net->named_buffers()) {
    if (item.value().scalar_type() != at::kFloat) continue;
    copy_weight(item.value(), weights, item.key(), name);
    served.weights.emplace_back(item.key(), item.value());
  }
  for (const TableSpec& table : type.tables(options.get(), layout)) {
    const auto found = weights.find("tables." + table.name);
    if (found == weights.end() || found->second.sizes() != at::IntArrayRef({table.rows, table.dim}))
      throw core::damaged_error(fmt::format("artifact {}: table '{}' is absent or has another shape than the model's", name, table.name));
    served.tables.push_back({"tables." + table.name, table.feature, found->second, table.pooling});
  }
  served.link = contents.manifest.link == "sigmoid" ? Link::kSigmoid : contents.manifest.link == "softmax" ? Link::kSoftmax : Link::kIdentity;
  served.forward = [net](const at::Tensor& dense, const std::vector<at::Tensor>& embedded) {
    Random random = Random::inactive();
    return net->forward({dense, embedded}, random).at("logit");
  };
  return served;
}

std::vector<float> score(const datasets::FittedFeatures& features, const ServedNet& net, int64_t outputs, const RawTable& table) {
  ForwardNet forward(net);
  const auto rows = static_cast<std::size_t>(table.rows), block = static_cast<std::size_t>(kScoreBlock), k = static_cast<std::size_t>(outputs);
  std::vector<float> predictions(rows * k);
  for (std::size_t first = 0; first < rows; first += block) {
    const datasets::RowBatch batch = features_of(features, table, first, std::min(block, rows - first));
    std::vector<at::Tensor> embedded;
    for (const ServedNet::Table& t : net.tables) {
      const TableSpec spec{.name = t.name, .feature = t.feature, .rows = t.values.size(0), .dim = t.values.size(1), .pooling = t.pooling};
      embedded.push_back(look_up(t.values, spec, batch, features.categorical_count()));
    }
    score_block(forward, embedded, net.link, features.dense_width(), batch, predictions.data() + first * k);
  }
  return predictions;
}

}  // namespace cohort::models
