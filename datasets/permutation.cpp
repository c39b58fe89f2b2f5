#include "core/philox.h"
#include "datasets/loader.h"

namespace cohort::datasets {
namespace {

/// The finaliser of SplitMix64 (Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

}  // namespace

KeyedPermutation::KeyedPermutation(uint64_t n, uint64_t seed, uint64_t epoch) : n_(n), half_bits_(1) {
  // The domain of 4^half_bits numbers is at most four times n (but for the smallest n): few walks are long.
  while (half_bits_ < 32 && (uint64_t{1} << (2 * half_bits_)) < n) ++half_bits_;
  const core::KeyedRandom random(seed, "order", static_cast<uint32_t>(epoch), static_cast<uint32_t>(epoch >> 32));
  for (uint64_t round = 0; round < 6; ++round) {
    keys_[round][0] = random.u32(2 * round);
    keys_[round][1] = random.u32(2 * round + 1);
  }
}

uint64_t KeyedPermutation::operator()(uint64_t position) const {
  const uint64_t mask = (uint64_t{1} << half_bits_) - 1;
  uint64_t x = position;
  do {
    uint64_t left = x >> half_bits_, right = x & mask;
    for (const auto& key : keys_) {
      const uint64_t mixed = mix(right + (uint64_t{key[0]} << 32 | key[1]));
      const uint64_t next = left ^ (mixed & mask);
      left = right;
      right = next;
    }
    x = left << half_bits_ | right;
  } while (x >= n_);
  return x;
}

}  // namespace cohort::datasets
