// Permutations that are computed, not stored.
#pragma once

#include <cstdint>

#include "core/philox.h"

namespace cohort::datasets {

/// A keyed permutation of 0 … n−1 (Feistel network of six rounds over the next power of two, with cycle walking; Black & Rogaway, "Ciphers
/// with arbitrary finite domains", CT-RSA 2002, § 3), O(1) a position.
class KeyedPermutation {
 public:
  /// Of an epoch's rows.
  KeyedPermutation(uint64_t n, uint64_t seed, uint64_t epoch);
  /// Number `which` of those that `keys` gives.
  KeyedPermutation(uint64_t n, const core::KeyedRandom& keys, uint64_t which);
  uint64_t operator()(uint64_t position) const;
  uint64_t size() const { return n_; }

 private:
  uint64_t n_;
  int low_bits_, high_bits_;
  uint64_t keys_[6];
};

}  // namespace cohort::datasets
