#include "models/export/aten_to_onnx.h"

namespace cohort::models {
namespace {

const EmitTable& table() {
  static const EmitTable instance = [] {
    EmitTable t;
    add_elementwise_emitters(t);
    add_arithmetic_emitters(t);
    add_product_emitters(t);
    add_norm_emitters(t);
    add_reduce_emitters(t);
    add_shape_emitters(t);
    add_index_emitters(t);
    add_creation_emitters(t);
    return t;
  }();
  return instance;
}

}  // namespace

Emit find_emitter(const std::string& op) {
  if (const auto found = table().find(op); found != table().end()) return found->second;
  if (!op.ends_with("_") || op.ends_with("__")) return nullptr;
  const auto found = table().find(op.substr(0, op.size() - 1));
  return found == table().end() ? nullptr : found->second;
}

std::vector<std::string> exportable_operators() {
  std::vector<std::string> names;
  for (const auto& [op, emit] : table()) names.push_back(op.substr(op.find("::") + 2));
  return names;
}

}  // namespace cohort::models
