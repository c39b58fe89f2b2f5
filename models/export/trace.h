// What a recorded forward pass looks like to the emitters: operators, constants and shapes, free of libtorch's headers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "models/export/onnx_proto.h"

namespace cohort::models {

/// A size that may follow the batch: per_row·B + fixed.
struct Size {
  int64_t per_row = 0;
  int64_t fixed = 0;
  bool follows_batch() const { return per_row != 0; }
  friend bool operator==(const Size&, const Size&) = default;
};

/// A tensor met as a constant: one of the net's weights, or bytes.
struct TensorLiteral {
  std::optional<std::size_t> weight;         ///< position in ServedNet::weights
  std::shared_ptr<const OnnxTensor> tensor;  ///< of weights: none
  friend bool operator==(const TensorLiteral& a, const TensorLiteral& b) {
    return a.weight == b.weight && (a.tensor == b.tensor || (a.tensor && b.tensor && *a.tensor == *b.tensor));
  }
};

/// monostate is None.
using Literal = std::variant<std::monostate, bool, Size, double, std::string, std::vector<Size>, std::vector<double>, TensorLiteral>;

/// A value of the graph. Only tensors have a type and dims.
struct TraceValue {
  bool is_tensor = false;
  OnnxType type = OnnxType::kUndefined;
  std::vector<Size> dims;
};

/// One operator: "aten::linear", or "prim::Constant" with its literal.
struct TraceNode {
  std::string op;
  std::vector<std::size_t> inputs, outputs;  ///< positions in Trace::values
  std::vector<std::string> names;            ///< names of the arguments, one an input; "" where unknown
  Literal literal;
  std::string scope;  ///< the module's path, where known
};

struct Trace {
  std::vector<TraceValue> values;
  std::vector<std::size_t> inputs;
  std::vector<TraceNode> nodes;
  std::size_t output = 0;
};

/// The trace that holds for every batch size, from traces recorded at the (at least three, distinct) sizes `batches`:
/// integers that are k·B + c exactly become such sizes. Throws Error (usage), naming the operator, on any other
/// difference.
Trace unify(const std::vector<Trace>& traces, const std::vector<int64_t>& batches);

/// Leaves out what the output doesn't depend on.
Trace without_dead_nodes(Trace trace);

/// Throws Error (usage) when an in-place operator changes a value that is also read through a view: then the recorded
/// order of values isn't the order of the computation.
void check_in_place(const Trace& trace);

/// "the operator 'aten::add' of block0.linear", for messages: the module's path, else the last weight used before it.
std::string describe_node(const Trace& trace, std::size_t node, const std::vector<std::string>& weight_names);

}  // namespace cohort::models
