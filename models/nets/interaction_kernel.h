// The kernel below models/nets/interaction.h: dots of all pairs of a row's vectors, and their gradients, on plain memory.
//
// A row's numbers depend on that row alone, not on the rows beside it, their count or the thread. They do depend on the machine: with AVX2 and FMA each dot
// is one chain of fused multiply-adds over the width; elsewhere products are rounded before they are added. That choice is part of the environment in which
// bits are equal, as the BLAS library's own choice by instruction set is.
#pragma once

#include <cstdint>
#include <span>

namespace cohort::models {

/// n vectors of `width` numbers a row.
struct InteractionShape {
  int64_t vectors = 0;
  int64_t width = 0;
  bool keep_first = false;  ///< the first vector stands before the pairs

  int64_t kept() const { return keep_first ? width : 0; }
  int64_t pairs() const { return vectors * (vectors - 1) / 2; }
  int64_t columns() const { return kept() + pairs(); }
};

/// Rows first … last − 1 of out [B, columns()]. `vectors` are n matrices [B, width], row-major. Pairs (i, j), i < j, ascend by i, then j. Needs a copy of
/// one row as scratch. Local, any thread.
void interact_rows(const InteractionShape& shape, std::span<const float* const> vectors, int64_t first, int64_t last, float* out);

/// Gradients of those rows: out_i = Σ_j≠i g_ij v_j in the order of j, to which the first vector's own gradient is the beginning where it is kept. `gradient`
/// is [B, columns()], each out [B, width].
void interact_rows_backward(const InteractionShape& shape, std::span<const float* const> vectors, const float* gradient, int64_t first, int64_t last,
                            std::span<float* const> out);

/// Whether this machine runs the fused kernel.
bool interaction_is_fused();

namespace detail {
// The kernel for every machine, by itself for tests and benchmarks.
void interact_rows_plain(const InteractionShape& shape, std::span<const float* const> vectors, int64_t first, int64_t last, float* out);
void interact_rows_backward_plain(const InteractionShape& shape, std::span<const float* const> vectors, const float* gradient, int64_t first, int64_t last,
                                  std::span<float* const> out);
}  // namespace detail

}  // namespace cohort::models
