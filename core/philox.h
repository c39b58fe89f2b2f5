// Counter-based random numbers (Philox4x32-10; Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11, §
// 4.3), keyed by what the number is for, so that a draw depends on nothing but its key and its index.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace cohort::core {

/// Ten rounds of Philox4x32.
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// A stream of numbers for one purpose: key = hash of (seed, purpose), counter = (a, b) chosen by the caller and the
/// index.
class KeyedRandom {
 public:
  /// `purpose` separates streams ("order", "init", "dropout"); `a` and `b` are e.g. step and lane.
  KeyedRandom(uint64_t seed, std::string_view purpose, uint32_t a = 0, uint32_t b = 0);

  /// Number `index` of the stream; O(1), any order. Four consecutive indices share a block.
  uint32_t u32(uint64_t index) const;
  uint64_t u64(uint64_t index) const;
  /// Numbers 4·index … 4·index + 3 of u32, for the price of one.
  std::array<uint32_t, 4> block(uint64_t index) const;
  /// Uniform in [0, 1) with 24 (float) or 53 (double) random bits.
  float uniform_float(uint64_t index) const;
  double uniform(uint64_t index) const;
  /// Standard normal by the inverse distribution function: one index, one number.
  double normal(uint64_t index) const;
  /// Uniform integer in [0, n), unbiased to 2^-32.
  uint64_t below(uint64_t index, uint64_t n) const;

  /// out[i] = u32(first + i).
  void fill_u32(std::span<uint32_t> out, uint64_t first = 0) const;
  /// out[i] = uniform_float(first + i).
  void fill_uniform(std::span<float> out, uint64_t first = 0) const;
  /// out[i] = uniform_float(first + i) < keep ? value : 0: a scaled dropout mask.
  void fill_mask(std::span<float> out, float keep, float value, uint64_t first = 0) const;

  /// The smallest n with n·2⁻²⁴ ≥ keep: u·2⁻²⁴ < keep exactly when the integer u is below it.
  static uint32_t threshold_of(float keep);
  /// What the stream is keyed by, for those who draw from it elsewhere.
  std::array<uint32_t, 2> key() const { return key_; }

 private:
  std::array<uint32_t, 2> key_;
  uint32_t a_, b_;
};

}  // namespace cohort::core
