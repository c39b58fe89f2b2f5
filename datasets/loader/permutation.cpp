#include "datasets/loader/permutation.h"

#include <algorithm>
#include <bit>

namespace cohort::datasets {
namespace {

/// The finaliser of SplitMix64 (Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

}  // namespace

KeyedPermutation::KeyedPermutation(uint64_t n, uint64_t seed, uint64_t epoch)
    : KeyedPermutation(n, core::KeyedRandom(seed, "order", static_cast<uint32_t>(epoch), static_cast<uint32_t>(epoch >> 32)), 0) {}

KeyedPermutation::KeyedPermutation(uint64_t n, const core::KeyedRandom& keys, uint64_t which) : n_(n) {
  // The domain holds less than twice n numbers: a walk takes two steps at most on average.
  const int bits = std::max(2, n < 2 ? 0 : 64 - std::countl_zero(n - 1));
  low_bits_ = bits / 2;
  high_bits_ = bits - low_bits_;
  for (uint64_t round = 0; round < 6; ++round) keys_[round] = keys.u64(6 * which + round);
}

uint64_t KeyedPermutation::operator()(uint64_t position) const {
  const uint64_t low_mask = (uint64_t{1} << low_bits_) - 1, high_mask = (uint64_t{1} << high_bits_) - 1;
  uint64_t x = position;
  do {
    uint64_t high = x >> low_bits_, low = x & low_mask;
    // Each half in turn is changed by a keyed hash of the other: undone by the same steps in reverse, so nothing collides.
    for (int round = 0; round < 6; round += 2) {
      high ^= mix(low + keys_[round]) & high_mask;
      low ^= mix(high + keys_[round + 1]) & low_mask;
    }
    x = high << low_bits_ | low;
  } while (x >= n_);
  return x;
}

}  // namespace cohort::datasets
