// Writing ONNX: a graph under construction and its bytes (onnx/onnx.proto, IR version 8).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace cohort::models {

/// TensorProto.DataType.
enum class OnnxType : int32_t {
  kUndefined = 0,
  kFloat = 1,
  kUInt8 = 2,
  kInt8 = 3,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kDouble = 11,
};

/// Bytes of an element; 0 for strings and kUndefined.
std::size_t size_of(OnnxType type);
bool is_floating(OnnxType type);

/// A tensor by value, row-major and little-endian.
struct OnnxTensor {
  OnnxType type = OnnxType::kFloat;
  std::vector<int64_t> dims;
  std::string bytes;
  friend bool operator==(const OnnxTensor&, const OnnxTensor&) = default;
};

/// One element of `type` holding `value`, in the shape `dims` (whose product is 1).
OnnxTensor scalar_tensor(OnnxType type, double value, std::vector<int64_t> dims = {});

using OnnxValue = std::variant<int64_t, float, std::string, std::vector<int64_t>, std::vector<float>, std::vector<std::string>, OnnxTensor>;
using OnnxAttributes = std::vector<std::pair<std::string, OnnxValue>>;

/// A dimension of an input or output: a number, or the name of a symbol.
using OnnxDim = std::variant<int64_t, std::string>;

/// A graph under construction. Not thread-safe. Values are named by strings; every name is used once. Errors: Error
/// (usage) for a tensor of more than 1.5 GiB or a graph of more than 1.9 GiB, which one protobuf message can't hold.
class OnnxGraph {
 public:
  /// A name nobody has yet: `hint`, or `hint` with a number.
  std::string unique(const std::string& hint);
  /// Takes a name for good; throws Error (usage) when it is taken or empty.
  void reserve(const std::string& name);

  /// The name must have been reserved.
  void add_input(const std::string& name, OnnxType type, std::vector<OnnxDim> dims);
  void add_output(const std::string& name, OnnxType type, std::vector<OnnxDim> dims);

  /// Adds an initializer under a name like `hint`; gives its name.
  std::string add_initializer(const std::string& hint, OnnxTensor tensor);
  /// The same for small constants, equal ones stored once.
  std::string constant(OnnxTensor tensor);
  std::string constant(const std::vector<int64_t>& values);                           ///< int64 [n]
  std::string constant(const std::vector<float>& values, std::vector<int64_t> dims);  ///< float32
  std::string constant(double value, OnnxType type) { return constant(scalar_tensor(type, value)); }

  /// Adds a node with one output; gives the output's name. An input "" is an optional one left out.
  std::string add(const std::string& op, std::vector<std::string> inputs, OnnxAttributes attributes = {});
  /// The same with several outputs.
  std::vector<std::string> add_many(const std::string& op, std::vector<std::string> inputs, std::size_t outputs,
                                    OnnxAttributes attributes = {});
  /// A node of ai.onnx.ml.
  std::string add_ml(const std::string& op, std::vector<std::string> inputs, OnnxAttributes attributes);
  /// A node whose output is called `output`, a reserved name.
  void add_named(const std::string& output, const std::string& op, std::vector<std::string> inputs, OnnxAttributes attributes = {});

  std::size_t node_count() const { return nodes_.size(); }

  /// The bytes of the model: ai.onnx 17, ai.onnx.ml 3, IR 8.
  std::string serialize(const std::map<std::string, std::string>& metadata) const;

 private:
  struct Node {
    std::string op, domain;
    std::vector<std::string> inputs, outputs;
    OnnxAttributes attributes;
  };
  struct ValueInfo {
    std::string name;
    OnnxType type;
    std::vector<OnnxDim> dims;
  };

  std::set<std::string> names_;
  std::map<std::string, int64_t> counters_;
  std::vector<Node> nodes_;
  std::vector<std::pair<std::string, OnnxTensor>> initializers_;
  std::map<std::string, std::string> constants_;
  std::vector<ValueInfo> inputs_, outputs_;
  std::size_t initializer_bytes_ = 0;
};

}  // namespace cohort::models
