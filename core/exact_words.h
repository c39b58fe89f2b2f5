// The words of an exact sum (exact_sum.h), for host and device.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/host_device.h"

namespace cohort::core {

/// 68 words of 32 bits from 2^-1074 up, then one for carries and the sign, then a count of what was not finite.
inline constexpr int kExactWords = 70, kExactTop = kExactWords - 2, kExactNotFinite = kExactWords - 1;
inline constexpr int kExactLowest = -1074;

/// Calls add(word, amount) for the parts of x: at most three.
template <class Add>
COHORT_HOST_DEVICE void exact_parts(double x, Add&& add) {
  uint64_t bits = 0;
  memcpy(&bits, &x, sizeof bits);
  const auto exponent = static_cast<int>(bits >> 52 & 0x7ff);
  uint64_t mantissa = bits & ((uint64_t{1} << 52) - 1);
  if (exponent == 0x7ff) return add(kExactNotFinite, int64_t{1});
  if (exponent > 0) mantissa |= uint64_t{1} << 52;
  const int shift = exponent > 0 ? exponent - 1 : 0;  // of the lowest bit, from 2^-1074
  // The mantissa moved up by less than a word: its lower 64 bits, and what goes beyond.
  const int within = shift % 32, word = shift / 32;
  const uint64_t low = mantissa << within, high = within == 0 ? 0 : mantissa >> (64 - within);
  const int64_t sign = bits >> 63 != 0 ? -1 : 1;
  add(word, sign * static_cast<int64_t>(low & 0xffffffffu));
  add(word + 1, sign * static_cast<int64_t>(low >> 32));
  add(word + 2, sign * static_cast<int64_t>(high));
}

/// Every word below the top one to 0 … 2^32 − 1; the top carries the rest and the sign.
COHORT_HOST_DEVICE inline void exact_normalise(int64_t* words) {
  for (int i = 0; i < kExactTop; ++i) {
    const int64_t carry = words[i] >> 32;  // towards minus infinity: what stays is not negative
    words[i] -= carry * (int64_t{1} << 32);
    words[i + 1] += carry;
  }
}

/// The sum within one unit in the last place; NaN where something added was not finite. Changes the words.
COHORT_HOST_DEVICE inline double exact_value(int64_t* words) {
  if (words[kExactNotFinite] != 0) return NAN;
  exact_normalise(words);
  // A negative number is all ones above its highest bit: its magnitude is what is summed.
  const bool negative = words[kExactTop] < 0;
  if (negative) {
    for (int i = 0; i <= kExactTop; ++i) words[i] = -words[i];
    exact_normalise(words);
  }
  double sum = 0;
  for (int i = kExactTop; i >= 0; --i) sum += ldexp(static_cast<double>(words[i]), 32 * i + kExactLowest);
  return negative ? -sum : sum;
}

}  // namespace cohort::core
