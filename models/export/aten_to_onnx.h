// The operators that can be exported: one small emitter each, in tables by theme.
#pragma once

#include <string>
#include <vector>

#include "models/export/net_emitter.h"

namespace cohort::models {

/// The emitter of an operator, or nullptr. An in-place operator ("aten::relu_") has that of its plain form.
Emit find_emitter(const std::string& op);
/// Names without "aten::", in order.
std::vector<std::string> exportable_operators();

void add_elementwise_emitters(EmitTable& table);  ///< one tensor, no arithmetic between tensors
void add_arithmetic_emitters(EmitTable& table);   ///< between tensors or with numbers; comparisons, where
void add_product_emitters(EmitTable& table);      ///< linear, matrix products, attention
void add_norm_emitters(EmitTable& table);         ///< layer, batch, group and RMS norm; softmax; dropout
void add_reduce_emitters(EmitTable& table);       ///< sums, means, extremes
void add_shape_emitters(EmitTable& table);        ///< the same values in another shape or order
void add_index_emitters(EmitTable& table);        ///< parts of a tensor: slices, look-ups
void add_creation_emitters(EmitTable& table);     ///< new tensors, casts, sizes

}  // namespace cohort::models
