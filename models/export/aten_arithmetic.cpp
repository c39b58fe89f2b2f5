// Operators between tensors, or a tensor and a number, with broadcasting; comparisons and choices.
#include <algorithm>

#include "models/export/aten_to_onnx.h"

namespace cohort::models {
namespace {

enum class Category { kBool, kInteger, kReal };

Category category(OnnxType type) {
  if (type == OnnxType::kBool) return Category::kBool;
  return is_floating(type) ? Category::kReal : Category::kInteger;
}

OnnxType wider(OnnxType a, OnnxType b) {
  if (category(a) != category(b)) return category(a) > category(b) ? a : b;
  return size_of(a) >= size_of(b) ? a : b;
}

/// The type two operands are compared in: tensors with dimensions decide, unless the other operand's category is higher
/// (libtorch's type promotion).
OnnxType common_type(const Call& c, const std::string& a, const std::string& b) {
  OnnxType shaped = OnnxType::kUndefined, other = OnnxType::kUndefined;
  for (const std::string& name : {a, b}) {
    OnnxType type;
    bool has_dims = false;
    if (c.is_tensor(name)) {
      type = c.info(name).type;
      has_dims = !c.info(name).dims.empty();
    } else {
      type = c.number(name) == static_cast<double>(static_cast<int64_t>(c.number(name))) ? OnnxType::kBool : OnnxType::kFloat;
    }
    OnnxType& slot = has_dims ? shaped : other;
    slot = slot == OnnxType::kUndefined ? type : wider(slot, type);
  }
  if (shaped == OnnxType::kUndefined) return other == OnnxType::kBool ? OnnxType::kInt64 : other;
  if (other != OnnxType::kUndefined && category(other) > category(shaped)) return other;
  return shaped;
}

std::string scaled(const Call& c, const std::string& x, const std::string& factor) {
  if (!c.has(factor)) return x;
  const double value = c.number(factor);
  return value == 1 ? x : c.add("Mul", {x, c.constant(value, c.output().type)});
}

void add(Call& c) {
  const OnnxType type = c.output().type;
  if (type == OnnxType::kBool) return c.result(c.add("Or", {c.operand("self", type), c.operand("other", type)}));
  c.result(c.add("Add", {c.operand("self", type), scaled(c, c.operand("other", type), "alpha")}));
}

void sub(Call& c) {
  const OnnxType type = c.output().type;
  c.result(c.add("Sub", {c.operand("self", type), scaled(c, c.operand("other", type), "alpha")}));
}

void rsub(Call& c) {
  const OnnxType type = c.output().type;
  c.result(c.add("Sub", {c.operand("other", type), scaled(c, c.operand("self", type), "alpha")}));
}

void mul(Call& c) {
  const OnnxType type = c.output().type;
  c.result(c.add(type == OnnxType::kBool ? "And" : "Mul", {c.operand("self", type), c.operand("other", type)}));
}

void div(Call& c) {
  const OnnxType type = c.output().type;
  const std::string rounding = c.op().starts_with("aten::floor_divide") ? "floor" : c.has("rounding_mode") ? c.text("rounding_mode") : "";
  // Integers: ONNX divides towards zero; floor goes through float64, exact below 2^53.
  const bool through_double = !is_floating(type) && rounding == "floor";
  const OnnxType inner = through_double ? OnnxType::kDouble : type;
  std::string quotient = c.add("Div", {c.operand("self", inner), c.operand("other", inner)});
  if (rounding == "floor") quotient = c.add("Floor", {quotient});
  if (rounding == "trunc" && is_floating(type))
    quotient = c.add("Mul", {c.add("Sign", {quotient}), c.add("Floor", {c.add("Abs", {quotient})})});
  c.result(c.cast(quotient, inner, type));
}

void remainder(Call& c) {
  const OnnxType type = c.output().type;
  const std::string a = c.operand("self", type), b = c.operand("other", type);
  if (!is_floating(type)) return c.result(c.add("Mod", {a, b}));
  c.result(c.add("Sub", {a, c.add("Mul", {c.add("Floor", {c.add("Div", {a, b})}), b})}));
}

void fmod(Call& c) {
  const OnnxType type = c.output().type;
  c.result(c.add("Mod", {c.operand("self", type), c.operand("other", type)}, {{"fmod", int64_t{1}}}));
}

void pow(Call& c) {
  const OnnxType type = c.output().type;
  const std::string base = c.operand("self", type);
  if (!c.is_tensor("exponent")) {
    const double exponent = c.number("exponent");
    if (exponent == 1) return c.result(base);
    if (exponent == 2) return c.result(c.add("Mul", {base, base}));
    if (exponent == 0.5 && is_floating(type)) return c.result(c.add("Sqrt", {base}));
  }
  c.result(c.add("Pow", {base, c.operand("exponent", type)}));
}

/// self + value · a ∘ b, ∘ being Mul or Div.
void add_combined(Call& c, const std::string& op) {
  const OnnxType type = c.output().type;
  const std::string product = c.add(op, {c.operand("tensor1", type), c.operand("tensor2", type)});
  c.result(c.add("Add", {c.operand("self", type), scaled(c, product, "value")}));
}
void addcmul(Call& c) { add_combined(c, "Mul"); }
void addcdiv(Call& c) { add_combined(c, "Div"); }

void lerp(Call& c) {
  const OnnxType type = c.output().type;
  const std::string start = c.operand("self", type);
  const std::string width = c.add("Sub", {c.operand("end", type), start});
  c.result(c.add("Add", {start, c.add("Mul", {width, c.operand("weight", type)})}));
}

void extreme(Call& c, const std::string& op) {
  const OnnxType type = c.output().type;
  c.result(c.add(op, {c.operand("self", type), c.operand("other", type)}));
}
void maximum(Call& c) { extreme(c, "Max"); }
void minimum(Call& c) { extreme(c, "Min"); }

void compare(Call& c, const std::string& op) {
  const OnnxType type = common_type(c, "self", "other");
  // ONNX orders no bools.
  const OnnxType inner = type == OnnxType::kBool && op != "Equal" ? OnnxType::kInt32 : type;
  c.result(c.add(op, {c.operand("self", inner), c.operand("other", inner)}));
}
void eq(Call& c) { compare(c, "Equal"); }
void lt(Call& c) { compare(c, "Less"); }
void le(Call& c) { compare(c, "LessOrEqual"); }
void gt(Call& c) { compare(c, "Greater"); }
void ge(Call& c) { compare(c, "GreaterOrEqual"); }
void ne(Call& c) {
  const OnnxType type = common_type(c, "self", "other");
  c.result(c.add("Not", {c.add("Equal", {c.operand("self", type), c.operand("other", type)})}));
}

void logical(Call& c, const std::string& op) {
  c.result(c.add(op, {c.operand("self", OnnxType::kBool), c.operand("other", OnnxType::kBool)}));
}
void bitwise(Call& c, const std::string& op) {
  if (c.output().type != OnnxType::kBool) c.refuse("bitwise operators can be exported between bools alone");
  logical(c, op);
}
void logical_and(Call& c) { logical(c, "And"); }
void logical_or(Call& c) { logical(c, "Or"); }
void logical_xor(Call& c) { logical(c, "Xor"); }
void bitwise_and(Call& c) { bitwise(c, "And"); }
void bitwise_or(Call& c) { bitwise(c, "Or"); }
void bitwise_xor(Call& c) { bitwise(c, "Xor"); }
void logical_not(Call& c) { c.result(c.add("Not", {c.tensor("self", OnnxType::kBool)})); }
void bitwise_not(Call& c) {
  if (c.output().type != OnnxType::kBool) c.refuse("bitwise operators can be exported for bools alone");
  logical_not(c);
}

void where(Call& c) {
  if (!c.has("self")) c.refuse("the positions of true entries follow the data", "give where() both choices");
  const OnnxType type = c.output().type;
  c.result(c.add("Where", {c.tensor("condition", OnnxType::kBool), c.operand("self", type), c.operand("other", type)}));
}

void masked_fill(Call& c) {
  const OnnxType type = c.output().type;
  c.result(c.add("Where", {c.tensor("mask", OnnxType::kBool), c.operand("value", type), c.operand("self", type)}));
}

}  // namespace

void add_arithmetic_emitters(EmitTable& table) {
  table.insert({{"aten::add", add},
                {"aten::sub", sub},
                {"aten::subtract", sub},
                {"aten::rsub", rsub},
                {"aten::mul", mul},
                {"aten::multiply", mul},
                {"aten::div", div},
                {"aten::divide", div},
                {"aten::true_divide", div},
                {"aten::floor_divide", div},
                {"aten::remainder", remainder},
                {"aten::fmod", fmod},
                {"aten::pow", pow},
                {"aten::addcmul", addcmul},
                {"aten::addcdiv", addcdiv},
                {"aten::lerp", lerp},
                {"aten::maximum", maximum},
                {"aten::minimum", minimum},
                {"aten::eq", eq},
                {"aten::ne", ne},
                {"aten::lt", lt},
                {"aten::le", le},
                {"aten::gt", gt},
                {"aten::ge", ge},
                {"aten::logical_and", logical_and},
                {"aten::logical_or", logical_or},
                {"aten::logical_xor", logical_xor},
                {"aten::logical_not", logical_not},
                {"aten::bitwise_and", bitwise_and},
                {"aten::bitwise_or", bitwise_or},
                {"aten::bitwise_xor", bitwise_xor},
                {"aten::bitwise_not", bitwise_not},
                {"aten::__and__", bitwise_and},
                {"aten::__or__", bitwise_or},
                {"aten::where", where},
                {"aten::masked_fill", masked_fill}});
}

}  // namespace cohort::models
