#include "core/exact_sum.h"

#include <bit>
#include <cmath>
#include <limits>

namespace cohort::core {
namespace {

constexpr std::size_t kNotFinite = ExactSum::kWords - 1, kTop = ExactSum::kWords - 2;
constexpr int kLowestExponent = -1074;
constexpr int64_t kMostPending = int64_t{1} << 29;

}  // namespace

void ExactSum::add(double x) {
  const auto bits = std::bit_cast<uint64_t>(x);
  const auto exponent = static_cast<int>(bits >> 52 & 0x7ff);
  uint64_t mantissa = bits & ((uint64_t{1} << 52) - 1);
  if (exponent == 0x7ff) {
    ++words_[kNotFinite];
    return;
  }
  if (exponent > 0) mantissa |= uint64_t{1} << 52;
  const auto shift = static_cast<unsigned>(exponent > 0 ? exponent - 1 : 0);  // of the lowest bit, from 2^-1074
  const auto wide = static_cast<unsigned __int128>(mantissa) << (shift % 32);
  const int64_t sign = bits >> 63 != 0 ? -1 : 1;
  const std::size_t word = shift / 32;
  words_[word] += sign * static_cast<int64_t>(static_cast<uint32_t>(wide));
  words_[word + 1] += sign * static_cast<int64_t>(static_cast<uint32_t>(wide >> 32));
  words_[word + 2] += sign * static_cast<int64_t>(static_cast<uint32_t>(wide >> 64));
  if (++pending_ == kMostPending) normalise();
}

void ExactSum::normalise() {
  for (std::size_t i = 0; i < kTop; ++i) {
    const int64_t carry = words_[i] >> 32;  // towards minus infinity: what stays is not negative
    words_[i] -= carry * (int64_t{1} << 32);
    words_[i + 1] += carry;
  }
  pending_ = 0;
}

std::span<int64_t> ExactSum::words() {
  normalise();
  return words_;
}

double ExactSum::value() {
  if (words_[kNotFinite] != 0) return std::numeric_limits<double>::quiet_NaN();
  normalise();
  // A negative number is all ones above its highest bit: its magnitude is what is summed.
  if (words_[kTop] < 0) {
    ExactSum positive;
    for (std::size_t i = 0; i <= kTop; ++i) positive.words_[i] = -words_[i];
    return -positive.value();
  }
  double sum = 0;
  for (std::size_t i = kTop + 1; i-- > 0;) sum += std::ldexp(static_cast<double>(words_[i]), static_cast<int>(32 * i) + kLowestExponent);
  return sum;
}

}  // namespace cohort::core
