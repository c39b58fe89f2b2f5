#include "trainer/bf16_message.h"

#include <bit>

#include "trainer/optimizers/vector_code.h"

namespace cohort::trainer {

COHORT_VECTOR_CODE void round_with_feedback(const float* values, float* errors, int64_t n, uint16_t* to) {
  constexpr uint32_t kExponent = 0x7F800000;
  for (int64_t i = 0; i < n; ++i) {
    const float wanted = values[i] + errors[i];
    const auto bits = std::bit_cast<uint32_t>(wanted);
    const uint32_t nearest = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
    // NaN stays NaN, whatever its lower bits were.
    const uint32_t sent = (bits & 0x7FFFFFFF) > kExponent ? bits >> 16 | 0x40 : nearest;
    const auto error = std::bit_cast<uint32_t>(wanted - std::bit_cast<float>(sent << 16));
    to[i] = static_cast<uint16_t>(sent);
    errors[i] = std::bit_cast<float>((error & kExponent) == kExponent ? 0 : error);
  }
}

COHORT_VECTOR_CODE void expand_bf16(const uint16_t* from, int64_t n, float* to) {
  for (int64_t i = 0; i < n; ++i) to[i] = std::bit_cast<float>(static_cast<uint32_t>(from[i]) << 16);
}

}  // namespace cohort::trainer
