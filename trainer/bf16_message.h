// Messages of half the size: float32 rounded to bfloat16, with what was rounded away added to the next one.
//
// Error feedback: Seide et al. 2014, "1-bit stochastic gradient descent and its application to data-parallel distributed training of speech DNNs", § 2;
// Karimireddy et al. 2019, "Error feedback fixes SignSGD and other gradient compression schemes", algorithm 2. What all messages together carry differs from
// the sum of all values by one last error, however many there were.
#pragma once

#include <cstdint>

namespace cohort::trainer {

/// to[i] = values[i] + errors[i] rounded to bfloat16, to nearest, ties to even; errors[i] becomes what was rounded away, or 0 where the sum or the rounded
/// number isn't finite.
void round_with_feedback(const float* values, float* errors, int64_t n, uint16_t* to);

/// Back to float32, exactly.
void expand_bf16(const uint16_t* from, int64_t n, float* to);

}  // namespace cohort::trainer
