// The pairwise interaction of recommendation nets (Naumov et al. 2019, "Deep learning recommendation model for personalization and recommendation systems",
// § 2.1.3): the dots of all pairs of a row's vectors.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace cohort::models {

/// [B, P] or, with `keep_first`, [B, D + P] with the first vector before the pairs. `vectors` are n ≥ 2 tensors [B, D] of one type and device; P = n·(n−1)/2
/// pairs (i, j), i < j, ascending by i, then j. Differentiable once.
///
/// float32 on the CPU runs a kernel of its own (interaction_kernel.h, which says what its bits depend on) that reads the vectors where they are and writes the
/// result once, in libtorch's intra-op threads. Other types, autocast, and recording for export take interaction_composed; devices interaction_on_device. Errors: Error (usage) when
/// the vectors are fewer than two or differ in shape. Local, any thread.
at::Tensor interaction(const std::vector<at::Tensor>& vectors, bool keep_first);

/// The same from libtorch's operators (stack, bmm, index_select, cat): sums may round otherwise.
at::Tensor interaction_composed(const std::vector<at::Tensor>& vectors, bool keep_first);

/// The same with a backward pass of products and gathers: deterministic on every device, and nothing in it waits for the host, so that it can be recorded.
at::Tensor interaction_on_device(const std::vector<at::Tensor>& vectors, bool keep_first);

}  // namespace cohort::models
