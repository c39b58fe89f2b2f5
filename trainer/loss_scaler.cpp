#include "trainer/loss_scaler.h"

#include <algorithm>
#include <bit>

#include "core/error.h"
#include "trainer/optimizers/vector_code.h"

namespace cohort::trainer {

void LossScaler::after_step(bool finite) {
  if (!on_) return;
  if (finite) {
    if (++state.good < kGoodSteps) return;
    state.scale = std::min(kMost, state.scale * 2);
  } else {
    ++state.skipped;
    if (state.scale <= kLeast)
      throw core::failed_error("gradients are not finite in fp16 at any scale of the loss",
                               "set train.precision to \"bf16\" or \"fp32\", or look for extreme values with `cohort inspect`")
          .known_everywhere();
    state.scale /= 2;
  }
  state.good = 0;
}

COHORT_VECTOR_CODE bool scale_and_check(const float* from, int64_t n, float factor, float* to) {
  constexpr uint32_t kExponent = 0x7F800000;
  uint32_t bad = 0;
  for (int64_t i = 0; i < n; ++i) {
    const float value = from[i];
    bad |= static_cast<uint32_t>((std::bit_cast<uint32_t>(value) & kExponent) == kExponent);
    to[i] = value * factor;
  }
  return bad == 0;
}

COHORT_VECTOR_CODE bool all_finite(const float* values, int64_t n) {
  constexpr uint32_t kExponent = 0x7F800000;
  uint32_t bad = 0;
  for (int64_t i = 0; i < n; ++i) bad |= static_cast<uint32_t>((std::bit_cast<uint32_t>(values[i]) & kExponent) == kExponent);
  return bad == 0;
}

COHORT_VECTOR_CODE bool take_and_check(const float* __restrict from, int64_t n, bool add, float* __restrict to) {
  constexpr uint32_t kExponent = 0x7F800000;
  uint32_t bad = 0;
  if (add) {
    for (int64_t i = 0; i < n; ++i) {
      bad |= static_cast<uint32_t>((std::bit_cast<uint32_t>(from[i]) & kExponent) == kExponent);
      to[i] += from[i];
    }
  } else {
    for (int64_t i = 0; i < n; ++i) {
      bad |= static_cast<uint32_t>((std::bit_cast<uint32_t>(from[i]) & kExponent) == kExponent);
      to[i] = from[i];
    }
  }
  return bad == 0;
}

}  // namespace cohort::trainer
