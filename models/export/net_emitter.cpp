#include "models/export/net_emitter.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/error.h"
#include "models/export/aten_to_onnx.h"

namespace cohort::models {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

bool is_random(const std::string& op) {
  static const std::vector<std::string> names = {"rand",         "randn",        "rand_like",   "randn_like", "randint",
                                                 "randint_like", "bernoulli",    "multinomial", "normal",     "normal_",
                                                 "uniform_",     "exponential_", "randperm",    "poisson"};
  return std::find(names.begin(), names.end(), op.substr(op.find("::") + 2)) != names.end();
}

bool reads_data(const std::string& op) { return op == "aten::item" || op == "aten::_local_scalar_dense" || op == "aten::is_nonzero"; }

bool is_uninitialised(const std::string& op) { return op == "aten::empty" || op == "aten::empty_like" || op == "aten::new_empty"; }

}  // namespace

NetEmitter::NetEmitter(OnnxGraph& graph, const Trace& trace, const WeightSource& weights, std::vector<std::string> inputs,
                       std::string batch)
    : graph_(graph), trace_(trace), weights_(weights), batch_(std::move(batch)), slots_(trace.values.size()), used_(trace.values.size()) {
  for (std::size_t i = 0; i < inputs.size(); ++i) slots_.at(trace.inputs.at(i)) = std::move(inputs[i]);
  for (const TraceNode& node : trace.nodes)
    for (const std::size_t value : node.inputs) used_[value] = true;
  used_[trace.output] = true;
}

std::string NetEmitter::emit() {
  for (std::size_t n = 0; n < trace_.nodes.size(); ++n) emit_node(n);
  return name_of(trace_.output);
}

void NetEmitter::emit_node(std::size_t n) {
  const TraceNode& node = trace_.nodes[n];
  if (node.op == "prim::Constant") {
    slots_[node.outputs.at(0)] = node.literal;
  } else if (node.op == "prim::ListConstruct" || node.op == "prim::TupleConstruct") {
    slots_[node.outputs.at(0)] = node.inputs;
  } else if (node.op == "prim::ListUnpack" || node.op == "prim::TupleUnpack") {
    unpack(node);
  } else {
    Call call(*this, n);
    const Emit emit = find_emitter(node.op);
    if (emit == nullptr && is_random(node.op))
      call.refuse("a served net can't use random numbers", "take them from the handle passed to forward, and none when it isn't training");
    if (emit == nullptr && reads_data(node.op))
      call.refuse("forward reads a tensor's value as a number, so that the graph would depend on the data",
                  "compute with the tensor itself (where, clamp) and leave out .item()");
    if (emit == nullptr && is_uninitialised(node.op))
      call.refuse("what is written into its memory later is not recorded",
                  "make constants before forward, as members or buffers, or with torch::tensor, zeros, full or arange");
    if (emit == nullptr) call.refuse("it has no counterpart here", "operators that can be exported: " + joined(exportable_operators()));
    emit(call);
  }
}

void NetEmitter::unpack(const TraceNode& node) {
  const Slot& list = slots_.at(node.inputs.at(0));
  if (const auto* values = std::get_if<std::vector<std::size_t>>(&list)) {
    const std::vector<std::size_t> copy = *values;
    for (std::size_t i = 0; i < node.outputs.size(); ++i) slots_[node.outputs[i]] = slots_[copy.at(i)];
  } else if (const auto* names = std::get_if<std::vector<std::string>>(&list)) {
    const std::vector<std::string> copy = *names;
    for (std::size_t i = 0; i < node.outputs.size(); ++i) slots_[node.outputs[i]] = copy.at(i);
  } else if (const auto* literal = std::get_if<Literal>(&list); literal && std::holds_alternative<std::vector<Size>>(*literal)) {
    const std::vector<Size> sizes = std::get<std::vector<Size>>(*literal);
    for (std::size_t i = 0; i < node.outputs.size(); ++i) slots_[node.outputs[i]] = Literal{sizes.at(i)};
  } else {
    throw core::usage_error("the net can't be exported: a list of unknown length is taken apart", "give the number of parts as a constant");
  }
}

std::string NetEmitter::weight(std::size_t index) {
  auto [found, added] = weight_names_.try_emplace(index);
  if (added) found->second = graph_.add_initializer(weights_.names.at(index), weights_.bytes(weights_.context, index));
  return found->second;
}

std::string NetEmitter::name_of(std::size_t value) {
  Slot& slot = slots_.at(value);
  if (const auto* name = std::get_if<std::string>(&slot)) return *name;
  if (const auto* literal = std::get_if<Literal>(&slot)) {
    if (const auto* tensor = std::get_if<TensorLiteral>(literal)) {
      std::string name = tensor->weight ? weight(*tensor->weight) : graph_.constant(*tensor->tensor);
      slot = name;
      return name;
    }
    if (const auto* size = std::get_if<Size>(literal))
      return graph_.add("Reshape", {size_vector(*size), graph_.constant(std::vector<int64_t>{})});
    if (const auto* number = std::get_if<double>(literal)) return graph_.constant(*number, OnnxType::kFloat);
    if (const auto* flag = std::get_if<bool>(literal)) return graph_.constant(*flag ? 1 : 0, OnnxType::kBool);
  }
  throw core::usage_error("the net can't be exported: a value that is no tensor is used as one", "let forward compute with tensors");
}

std::string NetEmitter::size_vector(const Size& size) {
  if (!size.follows_batch()) return graph_.constant(std::vector<int64_t>{size.fixed});
  auto [found, added] = sizes_.try_emplace({size.per_row, size.fixed});
  if (!added) return found->second;
  std::string name;
  if (size.per_row == 1 && size.fixed == 0) {
    name = graph_.add("Shape", {batch_}, {{"start", int64_t{0}}, {"end", int64_t{1}}});
  } else {
    name = size_vector({1, 0});
    if (size.per_row != 1) name = graph_.add("Mul", {name, graph_.constant(std::vector<int64_t>{size.per_row})});
    if (size.fixed != 0) name = graph_.add("Add", {name, graph_.constant(std::vector<int64_t>{size.fixed})});
  }
  sizes_[{size.per_row, size.fixed}] = name;
  return name;
}

// ---- Call -----------------------------------------------------------------------------------------------------------

const std::string& Call::op() const { return emitter_.trace_.nodes[node_].op; }

bool Call::has(const std::string& name) const {
  const TraceNode& node = emitter_.trace_.nodes[node_];
  const auto found = std::find(node.names.begin(), node.names.end(), name);
  if (found == node.names.end()) return false;
  const auto& slot = emitter_.slots_[node.inputs[static_cast<std::size_t>(found - node.names.begin())]];
  const auto* literal = std::get_if<Literal>(&slot);
  return !(literal && std::holds_alternative<std::monostate>(*literal));
}

std::size_t Call::value(const std::string& name) const {
  const TraceNode& node = emitter_.trace_.nodes[node_];
  const auto found = std::find(node.names.begin(), node.names.end(), name);
  if (found == node.names.end()) refuse("it has no argument '" + name + "' in this form");
  return node.inputs[static_cast<std::size_t>(found - node.names.begin())];
}

const Literal& Call::literal(const std::string& name) const {
  const auto* found = std::get_if<Literal>(&emitter_.slots_[value(name)]);
  if (found == nullptr) refuse("its argument '" + name + "' must be a constant");
  return *found;
}

const TraceValue& Call::info(const std::string& name) const { return info_of(value(name)); }
const TraceValue& Call::info_of(std::size_t v) const { return emitter_.trace_.values[v]; }
bool Call::is_tensor(const std::string& name) const { return has(name) && info(name).is_tensor; }
std::string Call::tensor(const std::string& name) const { return emitter_.name_of(value(name)); }

std::string Call::tensor(const std::string& name, OnnxType type) const { return cast(tensor(name), info(name).type, type); }

std::string Call::operand(const std::string& name, OnnxType type) const {
  if (info(name).is_tensor) return tensor(name, type);
  const Literal& number = literal(name);
  if (const auto* size = std::get_if<Size>(&number)) {
    if (!size->follows_batch()) return constant(static_cast<double>(size->fixed), type);
    return cast(emitter_.name_of(value(name)), OnnxType::kInt64, type);
  }
  if (const auto* real = std::get_if<double>(&number)) return constant(*real, type);
  if (const auto* flag = std::get_if<bool>(&number)) return constant(*flag ? 1 : 0, type);
  refuse("its argument '" + name + "' is neither a tensor nor a number");
}

std::vector<std::size_t> Call::list(const std::string& name) const {
  const auto* found = std::get_if<std::vector<std::size_t>>(&emitter_.slots_[value(name)]);
  if (found == nullptr) refuse("its argument '" + name + "' must be a list written in forward");
  return *found;
}

std::vector<std::string> Call::tensors(const std::string& name) const {
  if (const auto* names = std::get_if<std::vector<std::string>>(&emitter_.slots_[value(name)])) return *names;
  std::vector<std::string> names;
  for (const std::size_t entry : list(name)) {
    const auto* found = std::get_if<Literal>(&emitter_.slots_[entry]);
    names.push_back(found && std::holds_alternative<std::monostate>(*found) ? "" : emitter_.name_of(entry));
  }
  return names;
}

Size Call::size(const std::string& name) const {
  const Literal& number = literal(name);
  if (const auto* size = std::get_if<Size>(&number)) return *size;
  if (const auto* flag = std::get_if<bool>(&number)) return {0, *flag ? 1 : 0};
  refuse("its argument '" + name + "' must be an integer");
}

std::vector<Size> Call::sizes(const std::string& name) const {
  const auto& slot = emitter_.slots_[value(name)];
  if (const auto* found = std::get_if<Literal>(&slot)) {
    if (const auto* all = std::get_if<std::vector<Size>>(found)) return *all;
    return {size(name)};
  }
  std::vector<Size> result;
  for (const std::size_t entry : list(name)) {
    const auto* found = std::get_if<Literal>(&emitter_.slots_[entry]);
    const Size* number = found ? std::get_if<Size>(found) : nullptr;
    if (number == nullptr) refuse("its argument '" + name + "' must be a list of integers");
    result.push_back(*number);
  }
  return result;
}

int64_t Call::fixed(const Size& size) const {
  if (size.follows_batch()) refuse("an argument follows the batch size where only a constant can be exported");
  return size.fixed;
}

int64_t Call::integer(const std::string& name) const { return fixed(size(name)); }

std::vector<int64_t> Call::integers(const std::string& name) const {
  std::vector<int64_t> result;
  for (const Size& entry : sizes(name)) result.push_back(fixed(entry));
  return result;
}

double Call::number(const std::string& name) const {
  const Literal& found = literal(name);
  if (const auto* real = std::get_if<double>(&found)) return *real;
  if (const auto* size = std::get_if<Size>(&found)) return static_cast<double>(fixed(*size));
  if (const auto* flag = std::get_if<bool>(&found)) return *flag ? 1 : 0;
  refuse("its argument '" + name + "' must be a number");
}

bool Call::flag(const std::string& name) const { return number(name) != 0; }

std::string Call::text(const std::string& name) const {
  const auto* found = std::get_if<std::string>(&literal(name));
  if (found == nullptr) refuse("its argument '" + name + "' must be a string");
  return *found;
}

int64_t Call::axis(const std::string& name, int64_t rank) const {
  const int64_t dim = integer(name);
  return dim < 0 ? dim + std::max<int64_t>(rank, 1) : dim;
}

std::vector<int64_t> Call::axes(const std::string& name, int64_t rank) const {
  std::vector<int64_t> result;
  if (has(name))
    for (const int64_t dim : integers(name)) result.push_back(dim < 0 ? dim + rank : dim);
  if (result.empty())
    for (int64_t dim = 0; dim < rank; ++dim) result.push_back(dim);
  return result;
}

std::size_t Call::outputs() const { return emitter_.trace_.nodes[node_].outputs.size(); }
const TraceValue& Call::output(std::size_t i) const { return info_of(emitter_.trace_.nodes[node_].outputs.at(i)); }
bool Call::output_used(std::size_t i) const {
  const auto& outputs = emitter_.trace_.nodes[node_].outputs;
  return i < outputs.size() && emitter_.used_[outputs[i]];
}

void Call::result(const std::string& name, std::size_t i) { emitter_.slots_[emitter_.trace_.nodes[node_].outputs.at(i)] = name; }
void Call::result(Size size) { emitter_.slots_[emitter_.trace_.nodes[node_].outputs.at(0)] = Literal{size}; }
void Call::result_is_first() {
  const TraceNode& node = emitter_.trace_.nodes[node_];
  emitter_.slots_[node.outputs.at(0)] = emitter_.slots_[node.inputs.at(0)];
}
void Call::result_list(std::vector<std::string> names) { emitter_.slots_[emitter_.trace_.nodes[node_].outputs.at(0)] = std::move(names); }

OnnxGraph& Call::graph() const { return emitter_.graph_; }

std::string Call::add(const std::string& op, std::vector<std::string> inputs, OnnxAttributes attributes) const {
  return emitter_.graph_.add(op, std::move(inputs), std::move(attributes));
}

std::string Call::cast(const std::string& name, OnnxType from, OnnxType to) const {
  if (from == to) return name;
  if (from == OnnxType::kUndefined || to == OnnxType::kUndefined)
    refuse("it computes in a data type that can't be exported", "compute in float32, float64, integers or bool");
  return add("Cast", {name}, {{"to", static_cast<int64_t>(to)}});
}

std::string Call::constant(double value, OnnxType type) const {
  if (type == OnnxType::kUndefined || type == OnnxType::kFloat16 || type == OnnxType::kString)
    refuse("it computes in a data type that can't be exported", "compute in float32 when serving");
  return emitter_.graph_.constant(value, type);
}

std::string Call::shape(const std::vector<Size>& dims) const {
  std::vector<int64_t> fixed_dims;
  for (const Size& dim : dims)
    if (!dim.follows_batch()) fixed_dims.push_back(dim.fixed);
  if (fixed_dims.size() == dims.size()) return emitter_.graph_.constant(fixed_dims);
  std::vector<std::string> parts;
  for (const Size& dim : dims) parts.push_back(emitter_.size_vector(dim));
  return parts.size() == 1 ? parts[0] : add("Concat", parts, {{"axis", int64_t{0}}});
}

std::string Call::reshape(const std::string& name, const std::vector<Size>& dims) const {
  const auto following = std::count_if(dims.begin(), dims.end(), [](const Size& dim) { return dim.follows_batch(); });
  const bool empty = std::any_of(dims.begin(), dims.end(), [](const Size& dim) { return !dim.follows_batch() && dim.fixed == 0; });
  if (following != 1 || empty) return add("Reshape", {name, shape(dims)}, {{"allowzero", int64_t{1}}});
  std::vector<int64_t> target;
  for (const Size& dim : dims) target.push_back(dim.follows_batch() ? -1 : dim.fixed);
  return add("Reshape", {name, emitter_.graph_.constant(target)});
}

void Call::refuse(const std::string& why, const std::string& remedy) const {
  throw core::usage_error(
      fmt::format("the net can't be exported: {}: {}", describe_node(emitter_.trace_, node_, emitter_.weights_.names), why),
      remedy.empty() ? "write this part of forward with other operators" : remedy);
}

}  // namespace cohort::models
