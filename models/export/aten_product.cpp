// Linear layers, matrix products and attention.
#include <cmath>

#include "models/export/aten_to_onnx.h"

namespace cohort::models {
namespace {

std::string transposed_last(const Call& c, const std::string& x, int64_t rank) {
  std::vector<int64_t> order;
  for (int64_t d = 0; d < rank; ++d) order.push_back(d);
  std::swap(order[static_cast<std::size_t>(rank) - 1], order[static_cast<std::size_t>(rank) - 2]);
  return c.add("Transpose", {x}, {{"perm", order}});
}

void linear(Call& c) {
  const OnnxType type = c.output().type;
  const std::string x = c.tensor("input", type), weight = c.tensor("weight", type);
  if (c.rank("weight") != 2) c.refuse("its weight must be a matrix");
  if (c.rank("input") == 2) {
    std::vector<std::string> inputs = {x, weight};
    if (c.has("bias")) inputs.push_back(c.tensor("bias", type));
    return c.result(c.add("Gemm", inputs, {{"transB", int64_t{1}}}));
  }
  const std::string product = c.add("MatMul", {x, transposed_last(c, weight, 2)});
  c.result(c.has("bias") ? c.add("Add", {product, c.tensor("bias", type)}) : product);
}

void addmm(Call& c) {
  const OnnxType type = c.output().type;
  c.result(c.add("Gemm", {c.tensor("mat1", type), c.tensor("mat2", type), c.tensor("self", type)},
                 {{"alpha", static_cast<float>(c.number_or("alpha", 1))}, {"beta", static_cast<float>(c.number_or("beta", 1))}}));
}

/// beta · self + alpha · a·b for products that Gemm doesn't take.
void add_product(Call& c, const std::string& a, const std::string& b) {
  const OnnxType type = c.output().type;
  const double alpha = c.number_or("alpha", 1), beta = c.number_or("beta", 1);
  std::string product = c.add("MatMul", {c.tensor(a, type), c.tensor(b, type)});
  if (alpha != 1) product = c.add("Mul", {product, c.constant(alpha, type)});
  std::string self = c.tensor("self", type);
  if (beta != 1) self = c.add("Mul", {self, c.constant(beta, type)});
  c.result(c.add("Add", {self, product}));
}
void baddbmm(Call& c) { add_product(c, "batch1", "batch2"); }
void addmv(Call& c) { add_product(c, "mat", "vec"); }

void product(Call& c, const std::string& other) {
  const OnnxType type = c.output().type;
  c.result(c.add("MatMul", {c.tensor("self", type), c.tensor(other, type)}));
}
void mm(Call& c) { product(c, "mat2"); }
void matmul(Call& c) { product(c, "other"); }
void mv(Call& c) { product(c, "vec"); }
void dot(Call& c) { product(c, "tensor"); }

void outer(Call& c) {
  const OnnxType type = c.output().type;
  const std::string column = c.add("Unsqueeze", {c.tensor("self", type), c.graph().constant(std::vector<int64_t>{1})});
  const std::string row = c.add("Unsqueeze", {c.tensor("vec2", type), c.graph().constant(std::vector<int64_t>{0})});
  c.result(c.add("Mul", {column, row}));
}

void einsum(Call& c) {
  std::string equation;
  for (const char letter : c.text("equation"))
    if (letter != ' ') equation += letter;
  c.result(c.add("Einsum", c.tensors("tensors"), {{"equation", equation}}));
}

/// softmax(q·kᵀ·scale + mask)·v
void scaled_dot_product_attention(Call& c) {
  const OnnxType type = c.output().type;
  if (c.number_or("dropout_p", 0) != 0) c.refuse("a served net can't use dropout", "pass dropout_p = 0 when not training");
  if (c.flag_or("enable_gqa", false)) c.refuse("grouped queries can't be exported", "repeat the keys and values");
  const int64_t rank = c.rank("query");
  const Size depth = c.info("query").dims.back();
  const double scale = c.has("scale") ? c.number("scale") : 1 / std::sqrt(static_cast<double>(c.fixed(depth)));
  const std::string query = c.add("Mul", {c.tensor("query", type), c.constant(scale, type)});
  std::string scores = c.add("MatMul", {query, transposed_last(c, c.tensor("key", type), rank)});
  if (c.flag_or("is_causal", false)) {
    const auto at = static_cast<std::size_t>(rank) - 2;
    const int64_t rows = c.fixed(c.info("query").dims.at(at)), columns = c.fixed(c.info("key").dims.at(at));
    std::vector<float> mask(static_cast<std::size_t>(rows * columns), 0);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = i + 1; j < columns; ++j) mask[static_cast<std::size_t>(i * columns + j)] = -INFINITY;
    scores = c.add("Add", {scores, c.cast(c.graph().constant(mask, {rows, columns}), OnnxType::kFloat, type)});
  }
  if (c.has("attn_mask")) {
    if (c.info("attn_mask").type == OnnxType::kBool)
      scores = c.add("Where", {c.tensor("attn_mask"), scores, c.constant(-INFINITY, type)});
    else
      scores = c.add("Add", {scores, c.tensor("attn_mask", type)});
  }
  c.result(c.add("MatMul", {c.add("Softmax", {scores}, {{"axis", int64_t{-1}}}), c.tensor("value", type)}));
}

}  // namespace

void add_product_emitters(EmitTable& table) {
  table.insert({{"aten::linear", linear},
                {"aten::addmm", addmm},
                {"aten::baddbmm", baddbmm},
                {"aten::addmv", addmv},
                {"aten::mm", mm},
                {"aten::bmm", mm},
                {"aten::matmul", matmul},
                {"aten::mv", mv},
                {"aten::dot", dot},
                {"aten::outer", outer},
                {"aten::ger", outer},
                {"aten::einsum", einsum},
                {"aten::scaled_dot_product_attention", scaled_dot_product_attention}});
}

}  // namespace cohort::models
