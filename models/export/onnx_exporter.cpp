#include "models/export/onnx_exporter.h"

#include <algorithm>

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include "core/error.h"
#include "models/export/net_emitter.h"
#include "models/export/tracing.h"
#include "models/model.h"
#include "models/export/transforms_onnx.h"

namespace cohort::models {
namespace {

constexpr const char* kOutput = "prediction";

/// Three sizes fix k and c of k·B + c and check them; one of them odd, one prime, none 1, which broadcasts.
const std::vector<int64_t> kBatches = {3, 4, 7};

/// Values that differ between rows, columns and batch sizes, so that a branch on data shows.
at::Tensor example(int64_t rows, int64_t columns) {
  at::Tensor tensor = at::empty({rows, columns}, at::kFloat);
  float* values = tensor.mutable_data_ptr<float>();
  for (int64_t i = 0; i < rows * columns; ++i) values[i] = static_cast<float>((i * 37 + rows * 11) % 101) / 50.0f - 1.0f;
  return tensor;
}

Trace record_at_all_batches(const datasets::FittedFeatures& features, const ServedNet& net) {
  const auto forward = [&](const std::vector<at::Tensor>& inputs) {
    return net.forward(inputs.at(0), std::vector<at::Tensor>(inputs.begin() + 1, inputs.end()));
  };
  std::vector<Trace> traces;
  for (const int64_t batch : kBatches) {
    std::vector<at::Tensor> inputs = {example(batch, features.dense_width())};
    for (const ServedNet::Table& table : net.tables) inputs.push_back(example(batch, table.values.size(1)));
    traces.push_back(record_trace(forward, inputs, net.weights));
  }
  Trace trace = unify(traces, kBatches);
  check_in_place(trace);
  return without_dead_nodes(std::move(trace));
}

bool reads(const Trace& trace, std::size_t value) {
  return trace.output == value || std::any_of(trace.nodes.begin(), trace.nodes.end(), [&](const TraceNode& node) {
           return std::find(node.inputs.begin(), node.inputs.end(), value) != node.inputs.end();
         });
}

/// The vectors of a table's rows that the ids choose: [N, dim].
std::string look_up(OnnxGraph& graph, const ServedNet::Table& table, const datasets::FittedFeatures& features, const std::string& ids) {
  const int64_t cardinality = features.categorical.at(static_cast<std::size_t>(table.feature)).cardinality();
  if (table.values.dim() != 2 || table.values.size(0) < cardinality)
    throw core::usage_error(fmt::format("the table '{}' has fewer rows than its column has values ({})", table.name, cardinality),
                            "give the table as many rows as Layout::Categorical::cardinality says");
  const std::string values =
      graph.add_initializer(table.name.starts_with("tables.") ? table.name : "tables." + table.name, to_onnx(table.values));
  return graph.add("Gather", {values, ids}, {{"axis", int64_t{0}}});
}

void add_link(OnnxGraph& graph, Link link, const std::string& logit) {
  switch (link) {
    case Link::kIdentity:
      return graph.add_named(kOutput, "Identity", {logit});
    case Link::kSigmoid:
      return graph.add_named(kOutput, "Sigmoid", {logit});
    case Link::kSoftmax:
      return graph.add_named(kOutput, "Softmax", {logit}, {{"axis", int64_t{1}}});
  }
}

WeightSource weights_of(const ServedNet& net) {
  WeightSource source;
  for (const auto& [name, tensor] : net.weights) source.names.push_back(name);
  source.context = &net;
  source.bytes = [](const void* context, std::size_t index) {
    return to_onnx(static_cast<const ServedNet*>(context)->weights.at(index).second);
  };
  return source;
}

}  // namespace

std::string export_onnx(const datasets::FittedFeatures& features, const ServedNet& net,
                        const std::map<std::string, std::string>& metadata) {
  for (const ServedNet::Table& table : net.tables) {
    if (table.pooling != Pooling::kNone)
      throw core::usage_error(fmt::format("the table '{}' pools a sequence, and an artifact's inputs are single values", table.name),
                              "train without artifact.name, or leave sequence features out");
  }
  const Trace trace = record_at_all_batches(features, net);
  const TraceValue& logit = trace.values.at(trace.output);
  if (logit.dims.size() != 2 || logit.dims[0] != Size{1, 0} || logit.dims[1].follows_batch())
    throw core::usage_error("the net's output must have a row for each row of the batch: [B, K]",
                            "return a tensor of shape [B, K] as \"logit\", K = 1 for one number a row");

  OnnxGraph graph;
  graph.reserve(kOutput);
  const EmittedFeatures raw = emit_features(graph, features);

  std::vector<std::string> inputs(trace.inputs.size());
  if (reads(trace, trace.inputs.at(0))) inputs[0] = raw.dense.empty() ? emit_no_columns(graph, raw.batch) : raw.dense;
  for (std::size_t t = 0; t < net.tables.size(); ++t)
    if (reads(trace, trace.inputs.at(t + 1)))
      inputs[t + 1] = look_up(graph, net.tables[t], features, raw.ids.at(static_cast<std::size_t>(net.tables[t].feature)));

  const WeightSource weights = weights_of(net);
  std::string output = NetEmitter(graph, trace, weights, inputs, raw.batch).emit();
  if (logit.type != OnnxType::kFloat) output = graph.add("Cast", {output}, {{"to", static_cast<int64_t>(OnnxType::kFloat)}});
  add_link(graph, net.link, output);
  graph.add_output(kOutput, OnnxType::kFloat, {std::string("N"), logit.dims[1].fixed});
  return graph.serialize(metadata);
}

}  // namespace cohort::models
