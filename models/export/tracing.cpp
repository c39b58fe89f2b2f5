#include "models/export/tracing.h"

#include <map>

#include <fmt/format.h>
#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include "core/error.h"

namespace cohort::models {
namespace {

OnnxType onnx_type(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return OnnxType::kFloat;
    case at::kDouble:
      return OnnxType::kDouble;
    case at::kHalf:
      return OnnxType::kFloat16;
    case at::kLong:
      return OnnxType::kInt64;
    case at::kInt:
      return OnnxType::kInt32;
    case at::kShort:
      return OnnxType::kInt16;
    case at::kChar:
      return OnnxType::kInt8;
    case at::kByte:
      return OnnxType::kUInt8;
    case at::kBool:
      return OnnxType::kBool;
    default:
      return OnnxType::kUndefined;
  }
}

class Recorder {
 public:
  explicit Recorder(const NamedTensorList& weights) {
    for (std::size_t i = 0; i < weights.size(); ++i)
      if (weights[i].second.numel() > 0) by_address_[weights[i].second.data_ptr()].push_back({i, weights[i].second});
  }

  Trace convert(torch::jit::Graph& graph) {
    for (torch::jit::Value* input : graph.inputs()) trace_.inputs.push_back(value(input));
    for (torch::jit::Node* node : graph.nodes()) {
      if (!node->blocks().empty())
        throw core::usage_error(fmt::format("the net uses control flow ('{}'), which can't be exported", node->kind().toQualString()),
                                "write forward without scripted branches or loops");
      TraceNode& added = trace_.nodes.emplace_back();
      added.op = node->kind().toQualString();
      added.scope = node->scopeName();
      for (torch::jit::Value* input : node->inputs()) added.inputs.push_back(value(input));
      added.names = argument_names(*node);
      if (node->kind() == c10::prim::Constant) added.literal = literal(node->output());
      for (torch::jit::Value* output : node->outputs()) added.outputs.push_back(value(output));
    }
    trace_.output = value(graph.outputs().at(0));
    return std::move(trace_);
  }

 private:
  struct Weight {
    std::size_t index;
    at::Tensor tensor;
  };

  static std::vector<std::string> argument_names(const torch::jit::Node& node) {
    std::vector<std::string> names(node.inputs().size());
    if (const c10::FunctionSchema* schema = node.maybeSchema())
      for (std::size_t i = 0; i < names.size() && i < schema->arguments().size(); ++i) names[i] = schema->arguments()[i].name();
    return names;
  }

  std::size_t value(torch::jit::Value* v) {
    const auto [found, added] = positions_.try_emplace(v, trace_.values.size());
    if (!added) return found->second;
    TraceValue& entry = trace_.values.emplace_back();
    if (const auto type = v->type()->cast<c10::TensorType>()) {
      entry.is_tensor = true;
      if (type->scalarType()) entry.type = onnx_type(*type->scalarType());
      if (const auto sizes = type->sizes().concrete_sizes())
        for (const int64_t size : *sizes) entry.dims.push_back({0, size});
    }
    return found->second;
  }

  Literal literal(torch::jit::Value* output) const {
    const std::optional<c10::IValue> constant = torch::jit::toIValue(output);
    if (!constant || constant->isNone()) return std::monostate{};
    if (constant->isBool()) return constant->toBool();
    if (constant->isInt()) return Size{0, constant->toInt()};
    if (constant->isDouble()) return constant->toDouble();
    if (constant->isString()) return constant->toStringRef();
    if (constant->isDevice()) return constant->toDevice().str();
    if (constant->isIntList()) {
      std::vector<Size> sizes;
      for (const int64_t size : constant->toIntVector()) sizes.push_back({0, size});
      return sizes;
    }
    if (constant->isDoubleList()) return constant->toDoubleVector();
    if (constant->isTensor()) return tensor_literal(constant->toTensor());
    throw core::usage_error(fmt::format("the net uses a constant of type {}, which can't be exported", constant->tagKind()),
                            "use numbers, lists of numbers and tensors");
  }

  TensorLiteral tensor_literal(const at::Tensor& tensor) const {
    if (tensor.numel() > 0)
      if (const auto found = by_address_.find(tensor.data_ptr()); found != by_address_.end())
        for (const Weight& weight : found->second)
          if (weight.tensor.sizes() == tensor.sizes() && weight.tensor.strides() == tensor.strides() &&
              weight.tensor.scalar_type() == tensor.scalar_type())
            return {weight.index, nullptr};
    return {std::nullopt, std::make_shared<const OnnxTensor>(to_onnx(tensor))};
  }

  std::map<const void*, std::vector<Weight>> by_address_;
  std::map<torch::jit::Value*, std::size_t> positions_;
  Trace trace_;
};

core::Error unrecorded(const std::string& why) {
  return core::usage_error("the net's forward pass could not be recorded: " + why,
                           "check that forward works on any batch size, without gradients");
}

}  // namespace

OnnxTensor to_onnx(const at::Tensor& tensor) {
  const OnnxType type = onnx_type(tensor.scalar_type());
  if (type == OnnxType::kUndefined)
    throw core::usage_error(fmt::format("a tensor of type {} can't be exported", c10::toString(tensor.scalar_type())), "use float32");
  const at::Tensor plain = tensor.detach().cpu().contiguous();
  return {type, plain.sizes().vec(), std::string(static_cast<const char*>(plain.const_data_ptr()), plain.nbytes())};
}

Trace record_trace(const std::function<at::Tensor(const std::vector<at::Tensor>&)>& forward, const std::vector<at::Tensor>& inputs,
                   const NamedTensorList& weights) {
  const at::NoGradGuard no_gradients;
  torch::jit::Stack stack;
  for (const at::Tensor& input : inputs) stack.emplace_back(input);
  const auto traced = [&](torch::jit::Stack arguments) -> torch::jit::Stack {
    std::vector<at::Tensor> tensors;
    for (const c10::IValue& argument : arguments) tensors.push_back(argument.toTensor());
    return {forward(tensors)};
  };
  std::shared_ptr<torch::jit::Graph> graph;
  try {
    graph = torch::jit::tracer::trace(std::move(stack), traced, [](const at::Tensor&) { return std::string(); }).first->graph;
  } catch (const core::Error&) {
    throw;
  } catch (const c10::Error& error) {
    throw unrecorded(error.what_without_backtrace());
  } catch (const std::exception& error) {
    throw unrecorded(error.what());
  }
  return Recorder(weights).convert(*graph);
}

}  // namespace cohort::models
