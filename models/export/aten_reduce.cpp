// Sums, means, extremes and the like over some dimensions.
#include <cmath>

#include "models/export/aten_to_onnx.h"

namespace cohort::models {
namespace {

std::vector<int64_t> reduced_axes(const Call& c) { return c.axes("dim", c.rank("self")); }
int64_t keepdims(const Call& c) { return c.flag_or("keepdim", false) ? 1 : 0; }

/// Up to opset 17 ReduceSum takes its axes as an input and all others take them as an attribute.
std::string reduce(const Call& c, const std::string& op, const std::string& x, const std::vector<int64_t>& axes, int64_t keep) {
  if (axes.empty()) return x;
  if (op == "ReduceSum") return c.add(op, {x, c.graph().constant(axes)}, {{"keepdims", keep}});
  return c.add(op, {x}, {{"axes", axes}, {"keepdims", keep}});
}

void reduce_self(Call& c, const std::string& op) {
  c.result(reduce(c, op, c.tensor("self", c.output().type), reduced_axes(c), keepdims(c)));
}
void sum(Call& c) { reduce_self(c, "ReduceSum"); }
void mean(Call& c) { reduce_self(c, "ReduceMean"); }
void prod(Call& c) { reduce_self(c, "ReduceProd"); }
void amax(Call& c) { reduce_self(c, "ReduceMax"); }
void amin(Call& c) { reduce_self(c, "ReduceMin"); }
void logsumexp(Call& c) { reduce_self(c, "ReduceLogSumExp"); }

/// max(self), max(self, other), or max(self, dim) with its positions.
void extreme(Call& c, const std::string& reduction, const std::string& arg, const std::string& binary) {
  if (c.has("other")) {
    const OnnxType type = c.output().type;
    return c.result(c.add(binary, {c.operand("self", type), c.operand("other", type)}));
  }
  reduce_self(c, reduction);
  if (c.output_used(1)) {
    if (c.rank("self") == 0) return c.result(c.constant(0, OnnxType::kInt64), 1);
    c.result(c.add(arg, {c.tensor("self")}, {{"axis", c.axis("dim", c.rank("self"))}, {"keepdims", keepdims(c)}}), 1);
  }
}
void max(Call& c) { extreme(c, "ReduceMax", "ArgMax", "Max"); }
void min(Call& c) { extreme(c, "ReduceMin", "ArgMin", "Min"); }

void arg_extreme(Call& c, const std::string& op) {
  const int64_t rank = c.rank("self");
  if (rank == 0) return c.result(c.constant(0, OnnxType::kInt64));
  if (c.has("dim")) return c.result(c.add(op, {c.tensor("self")}, {{"axis", c.axis("dim", rank)}, {"keepdims", keepdims(c)}}));
  const std::string flat = c.add("Reshape", {c.tensor("self"), c.graph().constant(std::vector<int64_t>{-1})});
  c.result(c.reshape(c.add(op, {flat}, {{"axis", int64_t{0}}, {"keepdims", int64_t{0}}}), c.output().dims));
}
void argmax(Call& c) { arg_extreme(c, "ArgMax"); }
void argmin(Call& c) { arg_extreme(c, "ArgMin"); }

void any_all(Call& c, const std::string& op) {
  const std::string flags = c.cast(c.tensor("self", OnnxType::kBool), OnnxType::kBool, OnnxType::kInt32);
  c.result(c.cast(reduce(c, op, flags, reduced_axes(c), keepdims(c)), OnnxType::kInt32, OnnxType::kBool));
}
void any(Call& c) { any_all(c, "ReduceMax"); }
void all(Call& c) { any_all(c, "ReduceMin"); }

void norm(Call& c) {
  const OnnxType type = c.output().type;
  const double p = c.has("ord") ? c.number("ord") : c.number_or("p", 2);
  const std::string x = c.tensor("self", type);
  const std::vector<int64_t> axes = reduced_axes(c);
  if (p == 2) return c.result(reduce(c, "ReduceL2", x, axes, keepdims(c)));
  if (p == 1) return c.result(reduce(c, "ReduceL1", x, axes, keepdims(c)));
  if (std::isinf(p)) return c.result(reduce(c, p > 0 ? "ReduceMax" : "ReduceMin", c.add("Abs", {x}), axes, keepdims(c)));
  if (p == 0) c.refuse("the norm of order 0 can't be exported");
  const std::string powers = c.add("Pow", {c.add("Abs", {x}), c.constant(p, type)});
  c.result(c.add("Pow", {reduce(c, "ReduceSum", powers, axes, keepdims(c)), c.constant(1 / p, type)}));
}

/// Variance, corrected for the degrees of freedom; `mean_at` the place of the mean among the outputs, or 0 for none.
void variance(Call& c, bool root, std::size_t mean_at) {
  const OnnxType type = c.output().type;
  const std::vector<int64_t> axes = reduced_axes(c);
  double count = 1;
  for (const int64_t axis : axes) count *= static_cast<double>(c.fixed(c.info("self").dims.at(static_cast<std::size_t>(axis))));
  const double correction = c.has("correction") ? c.number("correction") : c.flag_or("unbiased", true) ? 1 : 0;
  const std::string x = c.tensor("self", type);
  const std::string centred = c.add("Sub", {x, reduce(c, "ReduceMean", x, axes, 1)});
  const std::string squares = reduce(c, "ReduceSum", c.add("Mul", {centred, centred}), axes, keepdims(c));
  const std::string result = c.add("Div", {squares, c.constant(count - correction, type)});
  c.result(root ? c.add("Sqrt", {result}) : result);
  if (mean_at != 0 && c.output_used(mean_at)) c.result(reduce(c, "ReduceMean", x, axes, keepdims(c)), mean_at);
}
void var(Call& c) { variance(c, false, 0); }
void std_deviation(Call& c) { variance(c, true, 0); }
void var_mean(Call& c) { variance(c, false, 1); }
void std_mean(Call& c) { variance(c, true, 1); }

void cumsum(Call& c) {
  const std::string axis = c.constant(static_cast<double>(c.axis("dim", c.rank("self"))), OnnxType::kInt64);
  c.result(c.add("CumSum", {c.tensor("self", c.output().type), axis}));
}

/// The k largest (or smallest) entries and their positions.
void top(Call& c, const std::string& k, bool largest) {
  const std::vector<std::string> found =
      c.graph().add_many("TopK", {c.tensor("self"), k}, 2,
                         {{"axis", c.axis("dim", c.rank("self"))}, {"largest", int64_t{largest ? 1 : 0}}, {"sorted", int64_t{1}}});
  c.result(found[0], 0);
  c.result(found[1], 1);
}
void topk(Call& c) { top(c, c.graph().constant(std::vector<int64_t>{c.integer("k")}), c.flag_or("largest", true)); }
void sort(Call& c) {
  const auto axis = static_cast<std::size_t>(c.axis("dim", c.rank("self")));
  top(c, c.shape({c.info("self").dims.at(axis)}), c.flag_or("descending", false));
}

}  // namespace

void add_reduce_emitters(EmitTable& table) {
  table.insert({{"aten::sum", sum},           {"aten::mean", mean},
                {"aten::prod", prod},         {"aten::amax", amax},
                {"aten::amin", amin},         {"aten::max", max},
                {"aten::min", min},           {"aten::argmax", argmax},
                {"aten::argmin", argmin},     {"aten::any", any},
                {"aten::all", all},           {"aten::logsumexp", logsumexp},
                {"aten::norm", norm},         {"aten::linalg_vector_norm", norm},
                {"aten::var", var},           {"aten::std", std_deviation},
                {"aten::var_mean", var_mean}, {"aten::std_mean", std_mean},
                {"aten::cumsum", cumsum},     {"aten::topk", topk},
                {"aten::sort", sort}});
}

}  // namespace cohort::models
