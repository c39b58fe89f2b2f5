// Philox4x32-10 for host and device: the arithmetic alone, keys and streams are philox.h's.
#pragma once

#include <cstdint>

#include "core/host_device.h"

namespace cohort::core {

/// Multipliers and Weyl constants of Salmon et al., § 4.3.
struct Philox {
  static constexpr uint32_t kMultiplier0 = 0xD2511F53u, kMultiplier1 = 0xCD9E8D57u;
  static constexpr uint32_t kWeyl0 = 0x9E3779B9u, kWeyl1 = 0xBB67AE85u;
  static constexpr int kRounds = 10;
  static constexpr float kUnit24 = 1.0f / 16777216.0f;
};

/// Four words from a counter and a key. What drawing is called: words, key as in philox.h.
COHORT_HOST_DEVICE inline void philox_rounds(uint32_t (&counter)[4], uint32_t key0, uint32_t key1) {
  for (int round = 0; round < Philox::kRounds; ++round) {
    const uint64_t p0 = uint64_t{Philox::kMultiplier0} * counter[0];
    const uint64_t p1 = uint64_t{Philox::kMultiplier1} * counter[2];
    counter[0] = static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ key0;
    counter[1] = static_cast<uint32_t>(p1);
    counter[2] = static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ key1;
    counter[3] = static_cast<uint32_t>(p0);
    key0 += Philox::kWeyl0;
    key1 += Philox::kWeyl1;
  }
}

}  // namespace cohort::core
