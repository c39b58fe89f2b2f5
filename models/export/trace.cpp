#include "models/export/trace.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>

#include <fmt/format.h>

#include "core/error.h"

namespace cohort::models {
namespace {

constexpr const char* kShapeRemedy =
    "let sizes that depend on the batch come from tensors (view with -1, expand_as, zeros_like), and let no branch depend on data or batch";

[[noreturn]] void refuse(const Trace& trace, std::size_t node, const std::string& what) {
  throw core::usage_error(fmt::format("the net can't be exported: {}: {}", describe_node(trace, node, {}), what), kShapeRemedy);
}

/// The node that reads a value: the one to blame for a constant.
std::size_t reader_of(const Trace& trace, std::size_t value, std::size_t otherwise) {
  for (std::size_t n = 0; n < trace.nodes.size(); ++n) {
    const TraceNode& node = trace.nodes[n];
    if (std::find(node.inputs.begin(), node.inputs.end(), value) == node.inputs.end()) continue;
    return node.op == "prim::ListConstruct" ? reader_of(trace, node.outputs.at(0), n) : n;
  }
  return otherwise;
}

std::optional<Size> fit(const std::vector<int64_t>& sizes, const std::vector<int64_t>& batches) {
  const int64_t step = batches[1] - batches[0];
  if ((sizes[1] - sizes[0]) % step != 0) return std::nullopt;
  const Size size{(sizes[1] - sizes[0]) / step, sizes[0] - (sizes[1] - sizes[0]) / step * batches[0]};
  for (std::size_t i = 0; i < sizes.size(); ++i)
    if (size.per_row * batches[i] + size.fixed != sizes[i]) return std::nullopt;
  return size;
}

/// Compares the literals of one node over all traces.
class Literals {
 public:
  Literals(const std::vector<Trace>& traces, const std::vector<int64_t>& batches, std::size_t node)
      : traces_(traces), batches_(batches), node_(node) {}

  Literal unified() const {
    const Literal& first = literal(0);
    for (std::size_t t = 1; t < traces_.size(); ++t)
      if (literal(t).index() != first.index()) differ("a constant changes its type with the batch");
    if (std::holds_alternative<Size>(first)) return fitted([](const Literal& l) { return std::get<Size>(l); });
    if (const auto* list = std::get_if<std::vector<Size>>(&first)) return sizes(list->size());
    for (std::size_t t = 1; t < traces_.size(); ++t)
      if (!same(literal(t), first)) differ("a constant changes with the batch or with the data, as a number read by .item() does");
    return first;
  }

 private:
  static bool same(const Literal& a, const Literal& b) {
    const auto *x = std::get_if<double>(&a), *y = std::get_if<double>(&b);
    return a == b || (x && y && std::isnan(*x) && std::isnan(*y));
  }

  const Literal& literal(std::size_t trace) const { return traces_[trace].nodes[node_].literal; }

  [[noreturn]] void differ(const std::string& what) const {
    refuse(traces_[0], reader_of(traces_[0], traces_[0].nodes[node_].outputs.at(0), node_), what);
  }

  Size fitted(const std::function<Size(const Literal&)>& get) const {
    std::vector<int64_t> values;
    for (std::size_t t = 0; t < traces_.size(); ++t) values.push_back(get(literal(t)).fixed);
    if (const std::optional<Size> size = fit(values, batches_)) return *size;
    std::string text;
    for (std::size_t t = 0; t < values.size(); ++t)
      text += fmt::format("{}{} at batch size {}", t == 0 ? "" : ", ", values[t], batches_[t]);
    differ("an integer follows the batch or the data in no known way: " + text);
  }

  std::vector<Size> sizes(std::size_t count) const {
    for (std::size_t t = 1; t < traces_.size(); ++t)
      if (std::get<std::vector<Size>>(literal(t)).size() != count) differ("a list of integers changes its length with the batch");
    std::vector<Size> result;
    for (std::size_t i = 0; i < count; ++i) result.push_back(fitted([i](const Literal& l) { return std::get<std::vector<Size>>(l)[i]; }));
    return result;
  }

  const std::vector<Trace>& traces_;
  const std::vector<int64_t>& batches_;
  std::size_t node_;
};

void check_same_operators(const std::vector<Trace>& traces) {
  const Trace& first = traces[0];
  for (const Trace& other : traces) {
    const std::size_t shared = std::min(first.nodes.size(), other.nodes.size());
    for (std::size_t n = 0; n < shared; ++n) {
      const TraceNode &a = first.nodes[n], &b = other.nodes[n];
      if (a.op != b.op || a.inputs != b.inputs || a.outputs != b.outputs)
        refuse(first, n, fmt::format("another batch size runs '{}' in its place", b.op));
    }
    if (first.nodes.size() != other.nodes.size() || first.output != other.output)
      refuse(first, shared == 0 ? 0 : shared - 1, "the number of operators that follow changes with the batch or with the data");
  }
}

bool is_view(const std::string& op) {
  static const std::vector<std::string> views = {
      "aten::view",      "aten::view_as",   "aten::reshape",          "aten::reshape_as",  "aten::flatten",    "aten::unflatten",
      "aten::squeeze",   "aten::unsqueeze", "aten::select",           "aten::slice",       "aten::narrow",     "aten::t",
      "aten::transpose", "aten::permute",   "aten::swapaxes",         "aten::movedim",     "aten::expand",     "aten::expand_as",
      "aten::chunk",     "aten::split",     "aten::split_with_sizes", "aten::unbind",      "aten::contiguous", "aten::detach",
      "aten::alias",     "aten::to",        "aten::type_as",          "aten::dropout",     "aten::numpy_T",    "aten::mT",
      "aten::diagonal",  "aten::unfold",    "aten::broadcast_to",     "aten::tensor_split"};
  return std::find(views.begin(), views.end(), op) != views.end();
}

bool is_in_place(const std::string& op) { return op.starts_with("aten::") && op.ends_with("_") && !op.ends_with("__"); }

}  // namespace

std::string describe_node(const Trace& trace, std::size_t node, const std::vector<std::string>& weight_names) {
  const TraceNode& blamed = trace.nodes.at(node);
  std::string text = fmt::format("operator '{}'", blamed.op);
  if (!blamed.scope.empty()) return text + " of " + blamed.scope;
  std::string last;
  for (std::size_t n = 0; n <= node; ++n)
    if (const auto* tensor = std::get_if<TensorLiteral>(&trace.nodes[n].literal))
      if (tensor->weight && *tensor->weight < weight_names.size()) last = weight_names[*tensor->weight];
  if (!last.empty()) return text + " (at or after the use of '" + last + "')";
  const auto number = std::count_if(trace.nodes.begin(), trace.nodes.begin() + static_cast<std::ptrdiff_t>(node) + 1,
                                    [](const TraceNode& n) { return n.op.starts_with("aten::"); });
  return text + fmt::format(" (number {} in forward)", number);
}

Trace unify(const std::vector<Trace>& traces, const std::vector<int64_t>& batches) {
  check_same_operators(traces);
  Trace result = traces[0];
  for (std::size_t n = 0; n < result.nodes.size(); ++n)
    if (result.nodes[n].op == "prim::Constant") result.nodes[n].literal = Literals(traces, batches, n).unified();
  const auto producer = [&](std::size_t value) -> std::size_t {
    for (std::size_t n = 0; n < result.nodes.size(); ++n)
      if (std::find(result.nodes[n].outputs.begin(), result.nodes[n].outputs.end(), value) != result.nodes[n].outputs.end()) return n;
    return 0;
  };
  for (std::size_t v = 0; v < result.values.size(); ++v) {
    TraceValue& value = result.values[v];
    for (const Trace& other : traces)
      if (other.values[v].dims.size() != value.dims.size() || other.values[v].type != value.type)
        refuse(result, producer(v), "the result's number of dimensions or type changes with the batch or with the data");
    for (std::size_t d = 0; d < value.dims.size(); ++d) {
      std::vector<int64_t> sizes;
      for (const Trace& trace : traces) sizes.push_back(trace.values[v].dims[d].fixed);
      const std::optional<Size> size = fit(sizes, batches);
      if (!size) refuse(result, producer(v), fmt::format("dimension {} of the result follows the batch or the data in no known way", d));
      value.dims[d] = *size;
    }
  }
  return result;
}

Trace without_dead_nodes(Trace trace) {
  std::vector<bool> needed(trace.values.size(), false);
  needed[trace.output] = true;
  std::vector<TraceNode> kept;
  for (auto node = trace.nodes.rbegin(); node != trace.nodes.rend(); ++node) {
    if (std::none_of(node->outputs.begin(), node->outputs.end(), [&](std::size_t v) { return needed[v]; })) continue;
    for (const std::size_t v : node->inputs) needed[v] = true;
    kept.push_back(std::move(*node));
  }
  std::reverse(kept.begin(), kept.end());
  trace.nodes = std::move(kept);
  return trace;
}

namespace {

/// Sets of values that may share memory.
class SharedMemory {
 public:
  explicit SharedMemory(const Trace& trace) : root_(trace.values.size()) {
    std::iota(root_.begin(), root_.end(), std::size_t{0});
    std::map<std::size_t, const TraceNode*> lists;
    for (const TraceNode& node : trace.nodes) {
      if (is_view(node.op) || is_in_place(node.op)) {
        for (const std::size_t output : node.outputs) join(output, node.inputs.at(0));
      } else if (node.op == "prim::ListConstruct" || node.op == "prim::TupleConstruct") {
        lists[node.outputs.at(0)] = &node;
      } else if (node.op == "prim::ListUnpack" || node.op == "prim::TupleUnpack") {
        const auto list = lists.find(node.inputs.at(0));
        for (std::size_t i = 0; i < node.outputs.size(); ++i)
          join(node.outputs[i], list == lists.end() ? node.inputs[0] : list->second->inputs.at(i));
      }
    }
  }

  std::size_t of(std::size_t value) {
    while (root_[value] != value) value = root_[value] = root_[root_[value]];
    return value;
  }

 private:
  void join(std::size_t a, std::size_t b) { root_[of(a)] = of(b); }
  std::vector<std::size_t> root_;
};

}  // namespace

void check_in_place(const Trace& trace) {
  SharedMemory memory(trace);
  for (std::size_t n = 0; n < trace.nodes.size(); ++n) {
    const TraceNode& changed = trace.nodes[n];
    if (!is_in_place(changed.op) || changed.inputs.empty()) continue;
    const std::size_t touched = memory.of(changed.inputs[0]);
    // Made before the change and read after it, under a name other than the result's: such a value has changed
    // unrecorded.
    std::vector<bool> stale(trace.values.size(), false);
    for (std::size_t m = 0; m < n; ++m)
      for (const std::size_t v : trace.nodes[m].outputs) stale[v] = memory.of(v) == touched;
    for (const std::size_t v : trace.inputs) stale[v] = memory.of(v) == touched;
    const auto reads_stale = [&](std::size_t v) { return stale[v]; };
    bool found = stale[trace.output];
    for (std::size_t m = n + 1; m < trace.nodes.size(); ++m)
      found = found || std::any_of(trace.nodes[m].inputs.begin(), trace.nodes[m].inputs.end(), reads_stale);
    if (found)
      throw core::usage_error(
          fmt::format("the net can't be exported: {}: it changes memory that is also read through a view", describe_node(trace, n, {})),
          fmt::format("use the operator without the underscore, '{}'", changed.op.substr(0, changed.op.size() - 1)));
  }
}

}  // namespace cohort::models
