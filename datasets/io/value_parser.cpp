#include "datasets/io/value_parser.h"

#include <charconv>
#include <cmath>
#include <type_traits>

#include <fast_float/fast_float.h>

#include "datasets/io/short_decimal.h"

namespace cohort::datasets {
namespace {

template <class T>
[[gnu::noinline]] Parsed parse_long_real(std::string_view text, T& value) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  const auto [end, error] = fast_float::from_chars(text.data(), text.data() + text.size(), value);
  // Some versions of the library call what is nearest to 0 out of range, others 0.
  if (error == std::errc::result_out_of_range && value != 0) return Parsed::kOutOfRange;
  if (error == std::errc::invalid_argument || end != text.data() + text.size()) return Parsed::kNotANumber;
  if (std::isfinite(value)) return Parsed::kValue;
  // "inf" and "nan" are words; too many digits are a number that doesn't fit.
  return text.find_first_of("0123456789") == std::string_view::npos ? Parsed::kNotANumber : Parsed::kOutOfRange;
}

template <class T>
Parsed parse_real(std::string_view text, T& value) {
  return short_number(text, value) ? Parsed::kValue : parse_long_real(text, value);
}

template <class T>
Parsed parse_whole(std::string_view text, T& value) {
  ShortDecimal decimal;
  if (read_short_decimal<false>(text, decimal) && !(decimal.negative && std::is_unsigned_v<T>)) {
    value = static_cast<T>(decimal.negative ? 0 - decimal.digits : decimal.digits);
    return Parsed::kValue;
  }
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || error == std::errc::invalid_argument) return Parsed::kNotANumber;
  return error == std::errc::result_out_of_range ? Parsed::kOutOfRange : Parsed::kValue;
}

}  // namespace

Parsed parse_number(std::string_view text, float& value) { return parse_real(text, value); }
Parsed parse_number(std::string_view text, double& value) { return parse_real(text, value); }
Parsed parse_integer(std::string_view text, int64_t& value) { return parse_whole(text, value); }
Parsed parse_integer(std::string_view text, uint64_t& value) { return parse_whole(text, value); }

}  // namespace cohort::datasets
