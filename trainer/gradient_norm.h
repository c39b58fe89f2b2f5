// Norms over numbers that ranks hold in parts: exact sums, so that who holds which part doesn't change a bit.
#pragma once

#include <cstdint>
#include <vector>

#include "core/comm/communicator.h"
#include "core/exact_sum.h"

namespace cohort::trainer {

/// Adds the squares of n floats. Each line of 16 is summed in double and in order, then added exactly: parts must be cut at lines.
void add_squares(core::ExactSum& sum, const float* values, int64_t n);

/// Collective. Every sum becomes the sum over all ranks.
void share_sums(core::Communicator& comm, std::vector<core::ExactSum>& sums);

}  // namespace cohort::trainer
