// Where the first number of a lane that isn't finite comes from.
#pragma once

#include <string>

#include "trainer/lane_step.h"

namespace cohort::trainer {

/// Computes the lane once more and looks at what goes in, at what every operator gives, and at the gradients as backward reaches them. A sentence's object: "the parameter
/// 'head.bias'", "aten::exp gave inf, in a tensor of shape [64, 40]"; "" where everything is finite. Local, one thread a replica.
std::string find_non_finite(Replica& replica, const ModelState& state, const models::Objective& objective, const StepContext& step, int64_t lane, const datasets::RowBatch& rows,
                            const std::vector<at::Tensor>& embedded);

}  // namespace cohort::trainer
