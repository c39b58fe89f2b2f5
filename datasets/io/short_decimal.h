// Numbers of at most sixteen characters, read eight digits at a time. Most values of most files are such.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace cohort::datasets {

/// digits · 10^−fraction, with a sign.
struct ShortDecimal {
  uint64_t digits = 0;  ///< below 10^16
  int fraction = 0;     ///< digits after the point, at most 15
  bool negative = false;
};

namespace short_decimal {

constexpr uint64_t kZeros = 0x3030303030303030u;

template <class Word>
uint64_t load(const char* text) {
  Word word;
  std::memcpy(&word, text, sizeof word);
  return word;
}

/// One to eight characters with '0' before them; the first character is the lowest byte. Reads nothing beside them.
inline uint64_t right_aligned(const char* text, std::size_t size) {
  if (size == 8) return load<uint64_t>(text);
  const auto shift = static_cast<int>(8 * (8 - size));
  const uint64_t before = kZeros >> (64 - shift);
  if (size >= 4) return load<uint32_t>(text + size - 4) << 32 | load<uint32_t>(text) << shift | before;
  return load<uint8_t>(text + size - 1) << 56 | load<uint8_t>(text + size / 2) << (shift + static_cast<int>(size / 2 * 8)) |
         load<uint8_t>(text) << shift | before;
}

/// 0x80 in each byte that is a point.
inline uint64_t points_in(uint64_t word) {
  constexpr uint64_t kLow = 0x7f7f7f7f7f7f7f7fu;
  const uint64_t other = word ^ 0x2e2e2e2e2e2e2e2eu;
  return ~(((other & kLow) + kLow) | other | kLow);
}

/// Without the byte that `point` marks; those before it move up, and `fill` comes in.
inline uint64_t without(uint64_t word, uint64_t point, uint64_t fill) {
  const uint64_t after = word & ~((point << 1) - 1);
  const uint64_t before = word & ((point >> 7) - 1);
  return after | before << 8 | fill;
}

inline int digits_after(uint64_t point) { return 7 - std::countr_zero(point) / 8; }

inline bool all_digits(uint64_t word) {
  constexpr uint64_t kHigh = 0xf0f0f0f0f0f0f0f0u;
  return ((word & kHigh) | ((word + 0x0606060606060606u) & kHigh) >> 4) == 0x3333333333333333u;
}

/// The number that eight digits are: neighbours are joined to pairs, fours and eight.
inline uint64_t number(uint64_t word) {
  word -= kZeros;
  word = word * 10 + (word >> 8);
  word = (word & 0x00ff00ff00ff00ffu) * 100 + ((word >> 16) & 0x00ff00ff00ff00ffu);
  word = (word & 0x0000ffff0000ffffu) * 10000 + ((word >> 32) & 0x0000ffff0000ffffu);
  return word & 0xffffffffu;
}

/// One to sixteen digits, with a point among them where `point` allows it.
template <bool point>
bool read_unsigned(const char* text, std::size_t size, ShortDecimal& result) {
  if (size <= 8) {
    if (size == 0) return false;
    uint64_t word = right_aligned(text, size);
    if (const uint64_t at = point ? points_in(word) : 0; at != 0) {
      if ((at & (at - 1)) != 0 || size == 1) return false;
      result.fraction = digits_after(at);
      word = without(word, at, '0');
    }
    result.digits = number(word);
    return all_digits(word);
  }
  if (size > 16) return false;
  uint64_t first = right_aligned(text, size - 8);
  uint64_t last = load<uint64_t>(text + size - 8);
  const uint64_t at_first = point ? points_in(first) : 0, at_last = point ? points_in(last) : 0;
  if ((at_first | at_last) != 0) {
    if ((at_first & (at_first - 1)) != 0 || (at_last & (at_last - 1)) != 0 || (at_first != 0 && at_last != 0)) return false;
    if (at_last != 0) {
      result.fraction = digits_after(at_last);
      last = without(last, at_last, first >> 56);
      first = first << 8 | '0';
    } else {
      result.fraction = 8 + digits_after(at_first);
      first = without(first, at_first, '0');
    }
  }
  result.digits = number(first) * 100'000'000 + number(last);
  return all_digits(first) && all_digits(last);
}

}  // namespace short_decimal

/// False for everything else: other characters, exponents, a leading +, more characters.
template <bool point>
bool read_short_decimal(std::string_view text, ShortDecimal& result) {
  if constexpr (std::endian::native != std::endian::little) return false;
  if (text.empty()) return false;
  result.negative = text[0] == '-';
  return short_decimal::read_unsigned<point>(text.data() + result.negative, text.size() - result.negative, result);
}

inline constexpr std::array<double, 16> kPowersOfTen{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

/// The nearest double or float of such a number; false for every other text and for the few floats that take more care.
// Whole numbers up to 2^53 and these powers of ten are exact as doubles, so the quotient is the nearest double (W. Clinger, "How to
// read floating point numbers accurately", PLDI 1990, § 3).
inline bool short_number(std::string_view text, double& value) {
  ShortDecimal decimal;
  if (!read_short_decimal<true>(text, decimal) || decimal.digits > uint64_t{1} << 53) return false;
  const double magnitude = static_cast<double>(decimal.digits) / kPowersOfTen[static_cast<std::size_t>(decimal.fraction)];
  // By its bit, for signs that come and go can't be predicted.
  value = std::bit_cast<double>(std::bit_cast<uint64_t>(magnitude) | static_cast<uint64_t>(decimal.negative) << 63);
  return true;
}

// Rounding a second time, to a float, is right unless the double lies halfway between two floats: only then can the number itself lie
// on the other side of the middle. Such quotients are 0 or at least 10^-15, where floats are spaced by their leading 24 bits.
inline bool short_number(std::string_view text, float& value) {
  double wide = 0;
  if (!short_number(text, wide)) return false;
  value = static_cast<float>(wide);
  return (std::bit_cast<uint64_t>(wide) & 0x1fffffff) != 0x10000000;
}

}  // namespace cohort::datasets
