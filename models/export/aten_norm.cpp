// Normalisation, softmax, dropout.
#include <algorithm>
#include <limits>

#include "models/export/aten_to_onnx.h"

namespace cohort::models {
namespace {

std::string constant_of(const Call& c, const std::vector<int64_t>& dims, float value) {
  int64_t count = 1;
  for (const int64_t dim : dims) count *= dim;
  return c.cast(c.graph().constant(std::vector<float>(static_cast<std::size_t>(count), value), dims), OnnxType::kFloat, c.output().type);
}

std::string weight_or(const Call& c, const std::string& name, const std::vector<int64_t>& dims, float value) {
  return c.has(name) ? c.tensor(name, c.output().type) : constant_of(c, dims, value);
}

void refuse_statistics(const Call& c) {
  for (std::size_t i = 1; i < c.outputs(); ++i)
    if (c.output_used(i)) c.refuse("its mean and deviation can't be exported, only its normalised result");
}

void layer_norm(Call& c) {
  refuse_statistics(c);
  const OnnxType type = c.output().type;
  const std::vector<int64_t> shape = c.integers("normalized_shape");
  std::vector<std::string> inputs = {c.tensor("input", type), weight_or(c, "weight", shape, 1)};
  if (c.has("bias")) inputs.push_back(c.tensor("bias", type));
  c.result(c.add("LayerNormalization", inputs,
                 {{"axis", -static_cast<int64_t>(shape.size())}, {"epsilon", static_cast<float>(c.number_or("eps", 1e-5))}}));
}

void rms_norm(Call& c) {
  const OnnxType type = c.output().type;
  const double eps = c.has("eps")                ? c.number("eps")
                     : type == OnnxType::kDouble ? std::numeric_limits<double>::epsilon()
                                                 : std::numeric_limits<float>::epsilon();
  std::vector<int64_t> axes;
  for (int64_t i = static_cast<int64_t>(c.integers("normalized_shape").size()); i > 0; --i) axes.push_back(-i);
  const std::string x = c.tensor("input", type);
  const std::string mean = c.add("ReduceMean", {c.add("Mul", {x, x})}, {{"axes", axes}, {"keepdims", int64_t{1}}});
  const std::string deviation = c.add("Sqrt", {c.add("Add", {mean, c.constant(eps, type)})});
  const std::string y = c.add("Div", {x, deviation});
  c.result(c.has("weight") ? c.add("Mul", {y, c.tensor("weight", type)}) : y);
}

void batch_norm(Call& c) {
  refuse_statistics(c);
  if (c.flag_or("training", false) || !c.has("running_mean") || !c.has("running_var"))
    c.refuse("batch normalisation with the batch's own statistics makes a row's prediction depend on the others",
             "call eval() on the net, and keep track_running_stats");
  const OnnxType type = c.output().type;
  const std::vector<int64_t> channels = {c.fixed(c.info("input").dims.at(1))};
  c.result(c.add("BatchNormalization",
                 {c.tensor("input", type), weight_or(c, "weight", channels, 1), weight_or(c, "bias", channels, 0),
                  c.tensor("running_mean", type), c.tensor("running_var", type)},
                 {{"epsilon", static_cast<float>(c.number_or("eps", 1e-5))}}));
}

void group_norm(Call& c) {
  const OnnxType type = c.output().type;
  const int64_t groups = c.integer("num_groups");
  const std::vector<Size> dims = c.info("input").dims;
  const int64_t channels = c.fixed(dims.at(1));
  int64_t entries = channels / groups;
  for (std::size_t d = 2; d < dims.size(); ++d) entries *= c.fixed(dims[d]);
  const std::string grouped = c.reshape(c.tensor("input", type), {dims[0], {0, groups}, {0, entries}});
  const std::string normal = c.add("InstanceNormalization", {grouped, constant_of(c, {groups}, 1), constant_of(c, {groups}, 0)},
                                   {{"epsilon", static_cast<float>(c.number_or("eps", 1e-5))}});
  std::string y = c.reshape(normal, dims);
  std::vector<int64_t> per_channel(dims.size() - 1, 1);
  per_channel[0] = channels;
  const std::string shape = c.graph().constant(per_channel);
  if (c.has("weight")) y = c.add("Mul", {y, c.add("Reshape", {c.tensor("weight", type), shape})});
  if (c.has("bias")) y = c.add("Add", {y, c.add("Reshape", {c.tensor("bias", type), shape})});
  c.result(y);
}

void softmax(Call& c) {
  const OnnxType type = c.output().type;
  if (c.rank("self") == 0) return c.result(c.constant(c.op().find("log") == std::string::npos ? 1 : 0, type));
  const std::string op = c.op().find("log_softmax") == std::string::npos ? "Softmax" : "LogSoftmax";
  c.result(c.add(op, {c.tensor("self", type)}, {{"axis", c.axis("dim", c.rank("self"))}}));
}

void dropout(Call& c) {
  refuse_statistics(c);
  if (c.flag_or("train", false) && c.number_or("p", 0) > 0)
    c.refuse("a served net can't use dropout", "use the handle's dropout in forward, or call eval() on the net");
  c.result(c.tensor("input"));
}

}  // namespace

void add_norm_emitters(EmitTable& table) {
  table.insert({{"aten::layer_norm", layer_norm},
                {"aten::native_layer_norm", layer_norm},
                {"aten::rms_norm", rms_norm},
                {"aten::batch_norm", batch_norm},
                {"aten::native_batch_norm", batch_norm},
                {"aten::_native_batch_norm_legit_no_training", batch_norm},
                {"aten::group_norm", group_norm},
                {"aten::softmax", softmax},
                {"aten::_softmax", softmax},
                {"aten::log_softmax", softmax},
                {"aten::_log_softmax", softmax},
                {"aten::dropout", dropout},
                {"aten::feature_dropout", dropout},
                {"aten::alpha_dropout", dropout},
                {"aten::feature_alpha_dropout", dropout},
                {"aten::native_dropout", dropout}});
}

}  // namespace cohort::models
