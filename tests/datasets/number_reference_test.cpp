// Numbers against the C and C++ libraries: the same bits, the same refusals, over millions of random texts.
#include <bit>
#include <charconv>
#include <cctype>
#include <cmath>
#include <cstdlib>

#include <gtest/gtest.h>

#include "core/philox.h"
#include "datasets/io/value_parser.h"

namespace cohort::datasets {
namespace {

/// Texts of numbers, nearly numbers, and noise.
class Numbers {
 public:
  explicit Numbers(uint64_t seed) : random_(seed, "number texts") {}

  std::string next() {
    switch (below(8)) {
      case 0: return noise(below(10));
      case 1: return sign() + digits(1 + below(24));
      case 2: return sign() + digits(1 + below(8)) + "." + digits(below(10));
      case 3: return sign() + digits(below(12)) + "." + digits(below(24));
      case 4: return sign() + digits(1 + below(4)) + "." + digits(below(12)) + "e" + sign() + digits(1 + below(3));
      case 5: return halfway();
      case 6: return sign() + digits(1 + below(7)) + "." + digits(1 + below(4));
      default: return spoiled(sign() + digits(1 + below(6)) + "." + digits(below(8)));
    }
  }
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_.below(count_++, bound)); }

 private:
  std::string noise(std::size_t size) {
    static const std::string kAlphabet = "0123456789..-+eE ,xn";
    std::string text;
    while (text.size() < size) text += kAlphabet[below(kAlphabet.size())];
    return text;
  }
  std::string digits(std::size_t size) {
    std::string text;
    while (text.size() < size) text += static_cast<char>('0' + below(10));
    return text;
  }
  std::string sign() {
    const std::size_t kind = below(8);
    return kind < 3 ? "-" : kind == 3 ? "+" : "";
  }
  /// Between two neighbouring floats, or a little beside, where a detour over doubles goes wrong.
  std::string halfway() {
    const auto mantissa = static_cast<double>((1u << 24) + 2 * below(1u << 23) + 1);
    char text[64];
    const auto end = std::to_chars(text, text + sizeof text, std::ldexp(mantissa, -static_cast<int>(below(50))), std::chars_format::fixed).ptr;
    std::string result(text, end);
    if (below(2) == 0) result += digits(1 + below(3));
    return below(3) == 0 ? result.substr(0, 16) : result;
  }
  std::string spoiled(std::string text) {
    text[below(text.size())] = "/:.-+ e\x80"[below(8)];
    return text;
  }

  core::KeyedRandom random_;
  uint64_t count_ = 0;
};

/// A number as the contract writes it: an optional sign, digits with at most one point, an optional exponent.
bool is_number(std::string_view text) {
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) text.remove_prefix(1);
  std::size_t digits = 0, points = 0, i = 0;
  for (; i < text.size() && (std::isdigit(static_cast<unsigned char>(text[i])) != 0 || text[i] == '.'); ++i) ++(text[i] == '.' ? points : digits);
  if (digits == 0 || points > 1) return false;
  if (i == text.size()) return true;
  if (text[i] != 'e' && text[i] != 'E') return false;
  ++i;
  if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
  if (i == text.size()) return false;
  for (; i < text.size(); ++i)
    if (std::isdigit(static_cast<unsigned char>(text[i])) == 0) return false;
  return true;
}

template <class T>
void expect_as_the_c_library(const std::string& text, T (*convert)(const char*, char**)) {
  // An own copy: sanitizers see a read beside it.
  const std::vector<char> copy(text.begin(), text.end());
  T value = 0;
  const Parsed parsed = parse_number(std::string_view(copy.data(), copy.size()), value);
  if (!is_number(text)) {
    ASSERT_EQ(parsed, Parsed::kNotANumber) << text;
    return;
  }
  const T expected = convert(text.c_str(), nullptr);
  if (!std::isfinite(expected)) {
    ASSERT_EQ(parsed, Parsed::kOutOfRange) << text;
    return;
  }
  ASSERT_EQ(parsed, Parsed::kValue) << text;
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  ASSERT_EQ(std::bit_cast<Bits>(value), std::bit_cast<Bits>(expected)) << text << " " << value << " " << expected;
}

TEST(NumberReference, FloatsAndDoublesHaveTheBitsOfTheCLibrary) {
  Numbers numbers(1);
  for (int i = 0; i < 1'000'000; ++i) {
    const std::string text = numbers.next();
    expect_as_the_c_library<float>(text, std::strtof);
    expect_as_the_c_library<double>(text, std::strtod);
    if (HasFatalFailure()) return;
  }
}

TEST(NumberReference, EveryShortTextIsReadOrRefusedAsItShould) {
  const std::string alphabet = "0159.-+e";
  for (std::size_t length = 0; length <= 5; ++length) {
    std::size_t texts = 1;
    for (std::size_t i = 0; i < length; ++i) texts *= alphabet.size();
    for (std::size_t number = 0; number < texts; ++number) {
      std::string text;
      for (std::size_t rest = number; text.size() < length; rest /= alphabet.size()) text += alphabet[rest % alphabet.size()];
      expect_as_the_c_library<float>(text, std::strtof);
      expect_as_the_c_library<double>(text, std::strtod);
      if (HasFatalFailure()) return;
    }
  }
}

template <class T>
void expect_as_from_chars(const std::string& text) {
  const std::vector<char> copy(text.begin(), text.end());
  T value = 0, expected = 0;
  const Parsed parsed = parse_integer(std::string_view(copy.data(), copy.size()), value);
  std::string_view bare = text;
  if (bare.size() > 1 && bare[0] == '+' && bare[1] != '-') bare.remove_prefix(1);
  const auto [end, error] = std::from_chars(bare.data(), bare.data() + bare.size(), expected);
  const bool whole = end == bare.data() + bare.size() && error != std::errc::invalid_argument;
  ASSERT_EQ(parsed, !whole ? Parsed::kNotANumber : error == std::errc() ? Parsed::kValue : Parsed::kOutOfRange) << text;
  if (parsed == Parsed::kValue) {
    ASSERT_EQ(value, expected) << text;
  }
}

TEST(NumberReference, IntegersAreThoseOfTheStandardLibrary) {
  Numbers numbers(2);
  for (int i = 0; i < 1'000'000; ++i) {
    const std::string text = numbers.next();
    expect_as_from_chars<int64_t>(text);
    expect_as_from_chars<uint64_t>(text);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace cohort::datasets
