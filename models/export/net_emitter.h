// From a trace to ONNX nodes: walks the recorded operators and hands each to its emitter.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "models/export/onnx_proto.h"
#include "models/export/trace.h"

namespace cohort::models {

/// The net's weights as the emitter needs them: bytes are asked for once, when a weight is first used.
struct WeightSource {
  std::vector<std::string> names;
  OnnxTensor (*bytes)(const void* context, std::size_t index) = nullptr;
  const void* context = nullptr;
};

class NetEmitter;

/// One operator being emitted: its arguments by name, and where its results go. Arguments that don't fit throw Error
/// (usage) naming the operator.
class Call {
 public:
  Call(NetEmitter& emitter, std::size_t node) : emitter_(emitter), node_(node) {}

  const std::string& op() const;
  /// Whether there is an argument of this name that isn't None.
  bool has(const std::string& name) const;

  /// The ONNX name of a tensor argument, cast to `type` where it is of another one.
  std::string tensor(const std::string& name) const;
  std::string tensor(const std::string& name, OnnxType type) const;
  /// A tensor or a number as a tensor of `type`.
  std::string operand(const std::string& name, OnnxType type) const;
  /// The tensors of a list; None entries are "".
  std::vector<std::string> tensors(const std::string& name) const;
  /// Positions in the trace's values of a list's entries.
  std::vector<std::size_t> list(const std::string& name) const;
  const TraceValue& info(const std::string& name) const;
  const TraceValue& info_of(std::size_t value) const;
  bool is_tensor(const std::string& name) const;
  int64_t rank(const std::string& name) const { return static_cast<int64_t>(info(name).dims.size()); }

  Size size(const std::string& name) const;
  std::vector<Size> sizes(const std::string& name) const;  ///< a number stands for a list of one
  int64_t integer(const std::string& name) const;          ///< refuses what follows the batch
  std::vector<int64_t> integers(const std::string& name) const;
  double number(const std::string& name) const;
  bool flag(const std::string& name) const;
  std::string text(const std::string& name) const;
  double number_or(const std::string& name, double otherwise) const { return has(name) ? number(name) : otherwise; }
  bool flag_or(const std::string& name, bool otherwise) const { return has(name) ? flag(name) : otherwise; }
  int64_t integer_or(const std::string& name, int64_t otherwise) const { return has(name) ? integer(name) : otherwise; }

  /// A dimension counted from the front; `rank` that of the tensor it belongs to.
  int64_t axis(const std::string& name, int64_t rank) const;
  /// Several; all of them where the argument is absent, None or empty.
  std::vector<int64_t> axes(const std::string& name, int64_t rank) const;
  int64_t fixed(const Size& size) const;  ///< refuses what follows the batch

  std::size_t outputs() const;
  const TraceValue& output(std::size_t i = 0) const;
  bool output_used(std::size_t i) const;
  /// The result of the operator is this ONNX value.
  void result(const std::string& name, std::size_t i = 0);
  /// It is a number known from shapes.
  void result(Size size);
  /// It is its first argument, whatever that is.
  void result_is_first();
  /// It is a list of these values.
  void result_list(std::vector<std::string> names);

  OnnxGraph& graph() const;
  std::string add(const std::string& op, std::vector<std::string> inputs, OnnxAttributes attributes = {}) const;
  std::string cast(const std::string& name, OnnxType from, OnnxType to) const;
  std::string constant(double value, OnnxType type) const;
  /// The shape as an int64 vector: a constant, or with the batch in it an expression.
  std::string shape(const std::vector<Size>& dims) const;
  /// `name` in the shape `dims`; one dimension that follows the batch becomes −1.
  std::string reshape(const std::string& name, const std::vector<Size>& dims) const;

  [[noreturn]] void refuse(const std::string& why, const std::string& remedy = {}) const;

 private:
  std::size_t value(const std::string& name) const;
  const Literal& literal(const std::string& name) const;

  NetEmitter& emitter_;
  std::size_t node_;
};

/// Emits one operator.
using Emit = void (*)(Call&);
using EmitTable = std::map<std::string, Emit>;

/// Emits a whole net once. Errors: Error (usage) naming the operator that can't be exported.
class NetEmitter {
 public:
  /// `inputs` are the ONNX names of the trace's inputs; `batch` names a tensor whose first dimension is the batch.
  NetEmitter(OnnxGraph& graph, const Trace& trace, const WeightSource& weights, std::vector<std::string> inputs, std::string batch);

  /// Gives the ONNX name of the trace's output.
  std::string emit();

 private:
  friend class Call;
  /// What a value of the trace has become: nothing yet, a literal, an ONNX value, a list of the trace's values, a list
  /// of ONNX values.
  using Slot = std::variant<std::monostate, Literal, std::string, std::vector<std::size_t>, std::vector<std::string>>;

  void emit_node(std::size_t node);
  void unpack(const TraceNode& node);
  /// The ONNX name of a tensor value; constants are added when first used.
  std::string name_of(std::size_t value);
  std::string weight(std::size_t index);
  /// B as an int64 vector of one, and k·B + c.
  std::string size_vector(const Size& size);

  OnnxGraph& graph_;
  const Trace& trace_;
  const WeightSource& weights_;
  std::string batch_;
  std::vector<Slot> slots_;
  std::vector<bool> used_;
  std::map<std::size_t, std::string> weight_names_;
  std::map<std::pair<int64_t, int64_t>, std::string> sizes_;
};

}  // namespace cohort::models
