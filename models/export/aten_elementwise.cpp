// Operators on one tensor, entry by entry.
#include <cmath>
#include <limits>
#include <numbers>

#include "models/export/aten_to_onnx.h"

namespace cohort::models {
namespace {

/// ONNX operators of the same meaning without attributes.
const std::map<std::string, std::string>& plain_operators() {
  static const std::map<std::string, std::string> operators = {
      {"aten::relu", "Relu"},   {"aten::sigmoid", "Sigmoid"}, {"aten::tanh", "Tanh"},
      {"aten::exp", "Exp"},     {"aten::log", "Log"},         {"aten::sqrt", "Sqrt"},
      {"aten::neg", "Neg"},     {"aten::negative", "Neg"},    {"aten::abs", "Abs"},
      {"aten::sign", "Sign"},   {"aten::floor", "Floor"},     {"aten::ceil", "Ceil"},
      {"aten::round", "Round"}, {"aten::erf", "Erf"},         {"aten::sin", "Sin"},
      {"aten::cos", "Cos"},     {"aten::atan", "Atan"},       {"aten::reciprocal", "Reciprocal"}};
  return operators;
}

std::string self(const Call& c) { return c.tensor("self", c.output().type); }
std::string number(const Call& c, double value) { return c.constant(value, c.output().type); }

void plain(Call& c) {
  std::string op = c.op();
  if (!plain_operators().contains(op)) op.pop_back();  // the in-place form
  c.result(c.add(plain_operators().at(op), {self(c)}));
}

void rsqrt(Call& c) { c.result(c.add("Reciprocal", {c.add("Sqrt", {self(c)})})); }
void square(Call& c) { c.result(c.add("Mul", {self(c), self(c)})); }
void log1p(Call& c) { c.result(c.add("Log", {c.add("Add", {number(c, 1), self(c)})})); }
void expm1(Call& c) { c.result(c.add("Sub", {c.add("Exp", {self(c)}), number(c, 1)})); }
void log2(Call& c) { c.result(c.add("Mul", {c.add("Log", {self(c)}), number(c, std::numbers::log2e)})); }
void log10(Call& c) { c.result(c.add("Mul", {c.add("Log", {self(c)}), number(c, std::numbers::log10e)})); }
void exp2(Call& c) { c.result(c.add("Exp", {c.add("Mul", {self(c), number(c, std::numbers::ln2)})})); }

void gelu(Call& c) {
  const std::string x = self(c);
  std::string inner;
  if (c.has("approximate") && c.text("approximate") == "tanh") {
    const std::string cube = c.add("Mul", {c.add("Mul", {x, x}), x});
    const std::string sum = c.add("Add", {x, c.add("Mul", {cube, number(c, 0.044715)})});
    inner = c.add("Tanh", {c.add("Mul", {sum, number(c, std::sqrt(2 / std::numbers::pi))})});
  } else {
    inner = c.add("Erf", {c.add("Mul", {x, number(c, std::numbers::sqrt2 / 2)})});
  }
  const std::string half = c.add("Mul", {x, number(c, 0.5)});
  c.result(c.add("Mul", {half, c.add("Add", {inner, number(c, 1)})}));
}

void silu(Call& c) { c.result(c.add("Mul", {self(c), c.add("Sigmoid", {self(c)})})); }
void mish(Call& c) { c.result(c.add("Mul", {self(c), c.add("Tanh", {c.add("Softplus", {self(c)})})})); }
void hardswish(Call& c) { c.result(c.add("HardSwish", {self(c)})); }
void hardsigmoid(Call& c) { c.result(c.add("HardSigmoid", {self(c)}, {{"alpha", 1.0f / 6}, {"beta", 0.5f}})); }
void softsign(Call& c) { c.result(c.add("Softsign", {self(c)})); }

void softplus(Call& c) {
  const double beta = c.number_or("beta", 1), threshold = c.number_or("threshold", 20);
  const std::string scaled = beta == 1 ? self(c) : c.add("Mul", {self(c), number(c, beta)});
  std::string y = c.add("Softplus", {scaled});
  if (beta != 1) y = c.add("Mul", {y, number(c, 1 / beta)});
  // Above 20 both branches round to the same float32.
  if (threshold < 20) y = c.add("Where", {c.add("Greater", {scaled, number(c, threshold)}), self(c), y});
  c.result(y);
}

void log_sigmoid(Call& c) { c.result(c.add("Neg", {c.add("Softplus", {c.add("Neg", {self(c)})})})); }

void elu(Call& c) {
  const double alpha = c.number_or("alpha", 1), scale = c.number_or("scale", 1), input_scale = c.number_or("input_scale", 1);
  if (input_scale != 1) c.refuse("an ELU whose input is scaled has no counterpart in ONNX");
  const std::string y = c.add("Elu", {self(c)}, {{"alpha", static_cast<float>(alpha)}});
  c.result(scale == 1 ? y : c.add("Mul", {y, number(c, scale)}));
}

void selu(Call& c) { c.result(c.add("Selu", {self(c)})); }
void celu(Call& c) { c.result(c.add("Celu", {self(c)}, {{"alpha", static_cast<float>(c.number_or("alpha", 1))}})); }

void leaky_relu(Call& c) { c.result(c.add("LeakyRelu", {self(c)}, {{"alpha", static_cast<float>(c.number_or("negative_slope", 0.01))}})); }

/// Between two bounds, either of which may be missing, a number or a tensor.
void clip(Call& c, const std::string& low, const std::string& high) {
  const OnnxType type = c.output().type;
  std::string x = self(c);
  const bool tensors = (c.has(low) && c.is_tensor(low)) || (c.has(high) && c.is_tensor(high));
  if (tensors) {
    if (c.has(low)) x = c.add("Max", {x, c.operand(low, type)});
    if (c.has(high)) x = c.add("Min", {x, c.operand(high, type)});
    return c.result(x);
  }
  c.result(c.add("Clip", {x, c.has(low) ? c.operand(low, type) : "", c.has(high) ? c.operand(high, type) : ""}));
}

void clamp(Call& c) { clip(c, "min", "max"); }
void hardtanh(Call& c) { clip(c, "min_val", "max_val"); }
void relu6(Call& c) { c.result(c.add("Clip", {self(c), number(c, 0), number(c, 6)})); }

void prelu(Call& c) {
  const int64_t rank = c.rank("self");
  std::string slope = c.tensor("weight", c.output().type);
  if (rank > 2) {
    std::vector<int64_t> dims(static_cast<std::size_t>(rank) - 1, 1);
    dims[0] = -1;
    slope = c.add("Reshape", {slope, c.graph().constant(dims)});
  }
  c.result(c.add("PRelu", {self(c), slope}));
}

void glu(Call& c) {
  const int64_t axis = c.axis("dim", c.rank("self"));
  const int64_t half = c.fixed(c.info("self").dims.at(static_cast<std::size_t>(axis))) / 2;
  const std::vector<std::string> parts =
      c.graph().add_many("Split", {self(c), c.graph().constant(std::vector<int64_t>{half, half})}, 2, {{"axis", axis}});
  c.result(c.add("Mul", {parts[0], c.add("Sigmoid", {parts[1]})}));
}

void isnan(Call& c) { c.result(c.add("IsNaN", {c.tensor("self")})); }
void isinf(Call& c) { c.result(c.add("IsInf", {c.tensor("self")})); }

void nan_to_num(Call& c) {
  const OnnxType type = c.output().type;
  const double largest = type == OnnxType::kDouble ? std::numeric_limits<double>::max() : std::numeric_limits<float>::max();
  const std::string x = self(c);
  const std::string filled = c.add("Where", {c.add("IsNaN", {x}), number(c, c.number_or("nan", 0)), x});
  const std::string low = number(c, c.number_or("neginf", -largest)), high = number(c, c.number_or("posinf", largest));
  const std::string minus = number(c, -std::numeric_limits<double>::infinity());
  const std::string plus = number(c, std::numeric_limits<double>::infinity());
  const std::string bounded = c.add("Where", {c.add("Equal", {filled, minus}), low, filled});
  c.result(c.add("Where", {c.add("Equal", {filled, plus}), high, bounded}));
}

}  // namespace

void add_elementwise_emitters(EmitTable& table) {
  for (const auto& [op, onnx] : plain_operators()) table[op] = plain;
  table.insert({{"aten::rsqrt", rsqrt},
                {"aten::square", square},
                {"aten::log1p", log1p},
                {"aten::expm1", expm1},
                {"aten::log2", log2},
                {"aten::log10", log10},
                {"aten::exp2", exp2},
                {"aten::gelu", gelu},
                {"aten::silu", silu},
                {"aten::mish", mish},
                {"aten::hardswish", hardswish},
                {"aten::hardsigmoid", hardsigmoid},
                {"aten::softplus", softplus},
                {"aten::log_sigmoid", log_sigmoid},
                {"aten::elu", elu},
                {"aten::selu", selu},
                {"aten::celu", celu},
                {"aten::leaky_relu", leaky_relu},
                {"aten::clamp", clamp},
                {"aten::clip", clamp},
                {"aten::clamp_min", clamp},
                {"aten::clamp_max", clamp},
                {"aten::hardtanh", hardtanh},
                {"aten::relu6", relu6},
                {"aten::prelu", prelu},
                {"aten::_prelu_kernel", prelu},
                {"aten::glu", glu},
                {"aten::isnan", isnan},
                {"aten::isinf", isinf},
                {"aten::nan_to_num", nan_to_num},
                {"aten::softsign", softsign}});
}

}  // namespace cohort::models
