#include "models/export/onnx_proto.h"

#include <fmt/format.h>
#include <protozero/pbf_builder.hpp>

#include "core/error.h"
#include "core/version.h"

namespace cohort::models {
namespace {

constexpr std::size_t kLargestTensor = std::size_t{3} << 29;  // 1.5 GiB
constexpr std::size_t kLargestModel = std::size_t{19} * ((std::size_t{1} << 30) / 10);

// Field numbers of onnx.proto.
enum class AttributeField : protozero::pbf_tag_type {
  kName = 1,
  kF = 2,
  kI = 3,
  kS = 4,
  kT = 5,
  kFloats = 7,
  kInts = 8,
  kStrings = 9,
  kType = 20,
};
enum class AttributeType : int32_t { kFloat = 1, kInt = 2, kString = 3, kTensor = 4, kFloats = 6, kInts = 7, kStrings = 8 };
enum class NodeField : protozero::pbf_tag_type { kInput = 1, kOutput = 2, kName = 3, kOpType = 4, kAttribute = 5, kDomain = 7 };
enum class TensorField : protozero::pbf_tag_type { kDims = 1, kDataType = 2, kName = 8, kRawData = 9 };
enum class GraphField : protozero::pbf_tag_type { kNode = 1, kName = 2, kInitializer = 5, kInput = 11, kOutput = 12 };
enum class ValueInfoField : protozero::pbf_tag_type { kName = 1, kType = 2 };
enum class TypeField : protozero::pbf_tag_type { kTensorType = 1 };
enum class TensorTypeField : protozero::pbf_tag_type { kElemType = 1, kShape = 2 };
enum class ShapeField : protozero::pbf_tag_type { kDim = 1 };
enum class DimField : protozero::pbf_tag_type { kValue = 1, kParam = 2 };
enum class ModelField : protozero::pbf_tag_type {
  kIrVersion = 1,
  kProducerName = 2,
  kProducerVersion = 3,
  kGraph = 7,
  kOpsetImport = 8,
  kMetadataProps = 14,
};
enum class OpsetField : protozero::pbf_tag_type { kDomain = 1, kVersion = 2 };
enum class EntryField : protozero::pbf_tag_type { kKey = 1, kValue = 2 };

void write(protozero::pbf_builder<TensorField>&& writer, const std::string& name, const OnnxTensor& tensor) {
  for (const int64_t dim : tensor.dims) writer.add_int64(TensorField::kDims, dim);
  writer.add_int32(TensorField::kDataType, static_cast<int32_t>(tensor.type));
  if (!name.empty()) writer.add_string(TensorField::kName, name);
  writer.add_bytes(TensorField::kRawData, tensor.bytes);
}

struct AttributeWriter {
  protozero::pbf_builder<AttributeField>& writer;

  void type(AttributeType value) const { writer.add_enum(AttributeField::kType, static_cast<int32_t>(value)); }
  void operator()(int64_t value) const {
    writer.add_int64(AttributeField::kI, value);
    type(AttributeType::kInt);
  }
  void operator()(float value) const {
    writer.add_float(AttributeField::kF, value);
    type(AttributeType::kFloat);
  }
  void operator()(const std::string& value) const {
    writer.add_bytes(AttributeField::kS, value);
    type(AttributeType::kString);
  }
  void operator()(const std::vector<int64_t>& values) const {
    for (const int64_t value : values) writer.add_int64(AttributeField::kInts, value);
    type(AttributeType::kInts);
  }
  void operator()(const std::vector<float>& values) const {
    for (const float value : values) writer.add_float(AttributeField::kFloats, value);
    type(AttributeType::kFloats);
  }
  void operator()(const std::vector<std::string>& values) const {
    for (const std::string& value : values) writer.add_bytes(AttributeField::kStrings, value);
    type(AttributeType::kStrings);
  }
  void operator()(const OnnxTensor& value) const {
    write(protozero::pbf_builder<TensorField>(writer, AttributeField::kT), "", value);
    type(AttributeType::kTensor);
  }
};

void write_value_info(protozero::pbf_builder<GraphField>& graph, GraphField field, const std::string& name, OnnxType type,
                      const std::vector<OnnxDim>& dims) {
  protozero::pbf_builder<ValueInfoField> info(graph, field);
  info.add_string(ValueInfoField::kName, name);
  protozero::pbf_builder<TypeField> value_type(info, ValueInfoField::kType);
  protozero::pbf_builder<TensorTypeField> tensor(value_type, TypeField::kTensorType);
  tensor.add_int32(TensorTypeField::kElemType, static_cast<int32_t>(type));
  protozero::pbf_builder<ShapeField> shape(tensor, TensorTypeField::kShape);
  for (const OnnxDim& dim : dims) {
    protozero::pbf_builder<DimField> entry(shape, ShapeField::kDim);
    if (const auto* number = std::get_if<int64_t>(&dim))
      entry.add_int64(DimField::kValue, *number);
    else
      entry.add_string(DimField::kParam, std::get<std::string>(dim));
  }
}

void write_opset(protozero::pbf_builder<ModelField>& model, const char* domain, int64_t version) {
  protozero::pbf_builder<OpsetField> opset(model, ModelField::kOpsetImport);
  opset.add_string(OpsetField::kDomain, domain);
  opset.add_int64(OpsetField::kVersion, version);
}

template <class T>
std::string bytes_of(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

std::size_t size_of(OnnxType type) {
  switch (type) {
    case OnnxType::kUInt8:
    case OnnxType::kInt8:
    case OnnxType::kBool:
      return 1;
    case OnnxType::kInt16:
    case OnnxType::kFloat16:
      return 2;
    case OnnxType::kFloat:
    case OnnxType::kInt32:
      return 4;
    case OnnxType::kInt64:
    case OnnxType::kDouble:
      return 8;
    case OnnxType::kString:
    case OnnxType::kUndefined:
      return 0;
  }
  return 0;
}

bool is_floating(OnnxType type) { return type == OnnxType::kFloat || type == OnnxType::kDouble || type == OnnxType::kFloat16; }

OnnxTensor scalar_tensor(OnnxType type, double value, std::vector<int64_t> dims) {
  OnnxTensor tensor{type, std::move(dims), {}};
  switch (type) {
    case OnnxType::kFloat:
      tensor.bytes = bytes_of(static_cast<float>(value));
      break;
    case OnnxType::kDouble:
      tensor.bytes = bytes_of(value);
      break;
    case OnnxType::kInt64:
      tensor.bytes = bytes_of(static_cast<int64_t>(value));
      break;
    case OnnxType::kInt32:
      tensor.bytes = bytes_of(static_cast<int32_t>(value));
      break;
    case OnnxType::kInt16:
      tensor.bytes = bytes_of(static_cast<int16_t>(value));
      break;
    case OnnxType::kInt8:
      tensor.bytes = bytes_of(static_cast<int8_t>(value));
      break;
    case OnnxType::kUInt8:
      tensor.bytes = bytes_of(static_cast<uint8_t>(value));
      break;
    case OnnxType::kBool:
      tensor.bytes = bytes_of(static_cast<uint8_t>(value != 0));
      break;
    default:
      throw core::usage_error(fmt::format("the net uses a number of data type {}, which can't be exported", static_cast<int>(type)),
                              "compute in float32 when serving");
  }
  return tensor;
}

std::string OnnxGraph::unique(const std::string& hint) {
  if (!hint.empty() && names_.insert(hint).second) return hint;
  int64_t& counter = counters_[hint];
  for (;;) {
    std::string name = hint + "_" + std::to_string(++counter);
    if (names_.insert(name).second) return name;
  }
}

void OnnxGraph::reserve(const std::string& name) {
  if (name.empty())
    throw core::usage_error("a column without a name can't be an input of an ONNX graph", "give the column a name when importing");
  if (!names_.insert(name).second)
    throw core::usage_error(fmt::format("the name '{}' is used twice among the inputs and outputs of the ONNX graph", name),
                            "rename the column; 'prediction' is the output's name");
}

void OnnxGraph::add_input(const std::string& name, OnnxType type, std::vector<OnnxDim> dims) {
  inputs_.push_back({name, type, std::move(dims)});
}

void OnnxGraph::add_output(const std::string& name, OnnxType type, std::vector<OnnxDim> dims) {
  outputs_.push_back({name, type, std::move(dims)});
}

std::string OnnxGraph::add_initializer(const std::string& hint, OnnxTensor tensor) {
  constexpr const char* kRemedy = "make the net's tables smaller: a lower embedding dimension, max_size or min_count in [features]";
  if (tensor.bytes.size() > kLargestTensor)
    throw core::usage_error(
        fmt::format("the tensor '{}' has {} bytes; an ONNX file holds tensors of up to {}", hint, tensor.bytes.size(), kLargestTensor),
        kRemedy);
  initializer_bytes_ += tensor.bytes.size();
  if (initializer_bytes_ > kLargestModel)
    throw core::usage_error(fmt::format("the net's tensors have more than {} bytes, which one ONNX file can't hold", kLargestModel),
                            kRemedy);
  std::string name = unique(hint);
  initializers_.emplace_back(name, std::move(tensor));
  return name;
}

std::string OnnxGraph::constant(OnnxTensor tensor) {
  std::string key = std::to_string(static_cast<int>(tensor.type));
  for (const int64_t dim : tensor.dims) key += "," + std::to_string(dim);
  key += ":" + tensor.bytes;
  if (const auto found = constants_.find(key); found != constants_.end()) return found->second;
  std::string name = add_initializer("constant", std::move(tensor));
  constants_.emplace(std::move(key), name);
  return name;
}

std::string OnnxGraph::constant(const std::vector<int64_t>& values) {
  return constant(OnnxTensor{OnnxType::kInt64,
                             {static_cast<int64_t>(values.size())},
                             std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(int64_t))});
}

std::string OnnxGraph::constant(const std::vector<float>& values, std::vector<int64_t> dims) {
  return constant(OnnxTensor{OnnxType::kFloat, std::move(dims),
                             std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float))});
}

std::string OnnxGraph::add(const std::string& op, std::vector<std::string> inputs, OnnxAttributes attributes) {
  return add_many(op, std::move(inputs), 1, std::move(attributes)).front();
}

std::vector<std::string> OnnxGraph::add_many(const std::string& op, std::vector<std::string> inputs, std::size_t outputs,
                                             OnnxAttributes attributes) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < outputs; ++i) names.push_back(unique(op));
  nodes_.push_back({op, "", std::move(inputs), names, std::move(attributes)});
  return names;
}

std::string OnnxGraph::add_ml(const std::string& op, std::vector<std::string> inputs, OnnxAttributes attributes) {
  std::string name = unique(op);
  nodes_.push_back({op, "ai.onnx.ml", std::move(inputs), {name}, std::move(attributes)});
  return name;
}

void OnnxGraph::add_named(const std::string& output, const std::string& op, std::vector<std::string> inputs, OnnxAttributes attributes) {
  nodes_.push_back({op, "", std::move(inputs), {output}, std::move(attributes)});
}

std::string OnnxGraph::serialize(const std::map<std::string, std::string>& metadata) const {
  std::string bytes;
  bytes.reserve(initializer_bytes_ + (std::size_t{1} << 16));
  protozero::pbf_builder<ModelField> model(bytes);
  model.add_int64(ModelField::kIrVersion, 8);
  model.add_string(ModelField::kProducerName, "cohort");
  model.add_string(ModelField::kProducerVersion, core::version());
  write_opset(model, "", 17);
  write_opset(model, "ai.onnx.ml", 3);
  for (const auto& [key, value] : metadata) {
    protozero::pbf_builder<EntryField> entry(model, ModelField::kMetadataProps);
    entry.add_string(EntryField::kKey, key);
    entry.add_string(EntryField::kValue, value);
  }
  {
    protozero::pbf_builder<GraphField> graph(model, ModelField::kGraph);
    graph.add_string(GraphField::kName, "cohort");
    std::size_t number = 0;
    for (const Node& node : nodes_) {
      protozero::pbf_builder<NodeField> writer(graph, GraphField::kNode);
      for (const std::string& input : node.inputs) writer.add_string(NodeField::kInput, input);
      for (const std::string& output : node.outputs) writer.add_string(NodeField::kOutput, output);
      writer.add_string(NodeField::kName, node.op + "." + std::to_string(number++));
      writer.add_string(NodeField::kOpType, node.op);
      if (!node.domain.empty()) writer.add_string(NodeField::kDomain, node.domain);
      for (const auto& [name, value] : node.attributes) {
        protozero::pbf_builder<AttributeField> attribute(writer, NodeField::kAttribute);
        attribute.add_string(AttributeField::kName, name);
        std::visit(AttributeWriter{attribute}, value);
      }
    }
    for (const auto& [name, tensor] : initializers_)
      write(protozero::pbf_builder<TensorField>(graph, GraphField::kInitializer), name, tensor);
    for (const ValueInfo& input : inputs_) write_value_info(graph, GraphField::kInput, input.name, input.type, input.dims);
    for (const ValueInfo& output : outputs_) write_value_info(graph, GraphField::kOutput, output.name, output.type, output.dims);
  }
  return bytes;
}

}  // namespace cohort::models
