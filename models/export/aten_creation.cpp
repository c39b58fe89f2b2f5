// New tensors, casts and copies, sizes.
#include <algorithm>

#include "models/export/aten_to_onnx.h"

namespace cohort::models {
namespace {

void make_filled(Call& c, const std::string& value, double otherwise) {
  const OnnxType type = c.output().type;
  const std::string shape = c.shape(c.output().dims);
  if (!value.empty() && c.is_tensor(value)) return c.result(c.add("Expand", {c.tensor(value, type), shape}));
  const double number = value.empty() ? otherwise : c.number(value);
  if (c.output().dims.empty()) return c.result(c.constant(number, type));
  c.result(c.add("ConstantOfShape", {shape}, {{"value", scalar_tensor(type, number, {1})}}));
}

void zeros(Call& c) { make_filled(c, "", 0); }
void ones(Call& c) { make_filled(c, "", 1); }
void full(Call& c) { make_filled(c, "fill_value", 0); }
void fill(Call& c) { make_filled(c, "value", 0); }
void scalar_tensor_of(Call& c) { c.result(c.operand("s", c.output().type)); }

void arange(Call& c) {
  const OnnxType type = c.output().type;
  const std::string start = c.has("start") ? c.operand("start", type) : c.constant(0, type);
  const std::string step = c.has("step") ? c.operand("step", type) : c.constant(1, type);
  c.result(c.add("Range", {start, c.operand("end", type), step}));
}

void eye(Call& c) {
  const OnnxType type = c.output().type;
  const int64_t rows = c.fixed(c.output().dims.at(0)), columns = c.fixed(c.output().dims.at(1));
  std::vector<float> values(static_cast<std::size_t>(rows * columns), 0);
  for (int64_t i = 0; i < std::min(rows, columns); ++i) values[static_cast<std::size_t>(i * columns + i)] = 1;
  c.result(c.cast(c.graph().constant(values, {rows, columns}), OnnxType::kFloat, type));
}

/// From both ends to the middle, as libtorch computes it.
void linspace(Call& c) {
  const auto steps = static_cast<std::size_t>(c.integer("steps"));
  const auto start = static_cast<float>(c.number("start")), end = static_cast<float>(c.number("end"));
  const float step = steps > 1 ? (end - start) / static_cast<float>(steps - 1) : 0;
  std::vector<float> values(steps);
  for (std::size_t i = 0; i < steps; ++i)
    values[i] = i < steps / 2 || steps == 1 ? start + step * static_cast<float>(i) : end - step * static_cast<float>(steps - i - 1);
  c.result(c.cast(c.graph().constant(values, {static_cast<int64_t>(steps)}), OnnxType::kFloat, c.output().type));
}

/// to, type_as, contiguous, clone, detach …: at most the type changes.
void converted(Call& c) { c.result(c.tensor("self", c.output().type)); }

/// self's memory takes the values of `src`.
void copy(Call& c) {
  const std::string values = c.tensor("src", c.output().type);
  if (c.info("src").dims == c.output().dims) return c.result(values);
  c.result(c.add("Expand", {values, c.shape(c.output().dims)}));
}

void size(Call& c) {
  if (!c.has("dim")) c.refuse("sizes can be taken one at a time");
  const int64_t axis = c.axis("dim", c.rank("self"));
  c.result(c.info("self").dims.at(static_cast<std::size_t>(axis)));
}

void same(Call& c) { c.result_is_first(); }

}  // namespace

void add_creation_emitters(EmitTable& table) {
  for (const char* op : {"aten::to", "aten::type_as", "aten::_to_copy", "aten::contiguous", "aten::clone", "aten::detach", "aten::alias",
                         "aten::lift", "aten::lift_fresh", "aten::lift_fresh_copy", "aten::detach_copy", "aten::resolve_conj",
                         "aten::resolve_neg", "aten::_cast_Float", "aten::_cast_Double", "aten::_cast_Long", "aten::_cast_Int"})
    table[op] = converted;
  for (const char* op : {"aten::zeros", "aten::zeros_like", "aten::new_zeros", "aten::zero_", "aten::zero"}) table[op] = zeros;
  for (const char* op : {"aten::ones", "aten::ones_like", "aten::new_ones"}) table[op] = ones;
  for (const char* op : {"aten::full", "aten::full_like", "aten::new_full"}) table[op] = full;
  for (const char* op :
       {"prim::NumToTensor", "aten::Int", "aten::IntImplicit", "aten::Float", "aten::FloatImplicit", "aten::ScalarImplicit", "aten::Bool"})
    table[op] = same;
  table.insert({{"aten::fill", fill},
                {"aten::scalar_tensor", scalar_tensor_of},
                {"aten::arange", arange},
                {"aten::eye", eye},
                {"aten::linspace", linspace},
                {"aten::copy_", copy},
                {"aten::copy", copy},
                {"aten::size", size},
                {"aten::sym_size", size}});
}

}  // namespace cohort::models
