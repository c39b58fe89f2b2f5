#include "datasets/privacy/personal_patterns.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <initializer_list>
#include <utility>

#include <arpa/inet.h>

#include "datasets/privacy/identity_numbers.h"
#include "datasets/privacy/personal_text.h"
#include "datasets/privacy/pseudonym.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kLongestNumber = 34;  ///< of letters and digits: an IBAN
constexpr std::size_t kLongestWhole = 64;   ///< bytes of a value that may be a number as a whole
constexpr std::size_t kShortestText = 8;    ///< that may hold something: "x a@b.de"
constexpr std::size_t kMostGroups = 9;

enum CharClass : uint8_t { kDigit, kLetter, kSpace, kDash, kDot, kSlash, kParen, kPlus, kColon, kHigh, kOther, kClasses };

constexpr std::array<uint8_t, 256> make_classes() {
  std::array<uint8_t, 256> classes{};
  for (std::size_t c = 0; c < 256; ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    classes[c] = c >= '0' && c <= '9' ? kDigit : letter ? kLetter : c >= 0x80 ? kHigh : kOther;
  }
  classes[' '] = kSpace;
  classes['-'] = kDash;
  classes['.'] = kDot;
  classes['/'] = kSlash;
  classes['('] = classes[')'] = kParen;
  classes['+'] = kPlus;
  classes[':'] = kColon;
  return classes;
}
constexpr std::array<uint8_t, 256> kCharClasses = make_classes();

/// A short value taken apart.
struct Shape {
  std::array<uint8_t, kClasses> counts{};
  std::array<char, kLongestNumber> characters;  ///< letters (capital) and digits without separators
  std::size_t size = 0;                         ///< of these; beyond the array's size where there are more
  std::array<uint8_t, kMostGroups> groups{};    ///< lengths of runs of digits
  std::size_t group_count = 0;

  explicit Shape(std::string_view text) {
    bool in_group = false;
    for (const char c : text) {
      const uint8_t kind = kCharClasses[static_cast<unsigned char>(c)];
      ++counts[kind];
      if (kind <= kLetter) {
        if (size < characters.size()) characters[size] = c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
        ++size;
      }
      if (kind == kDigit) {
        if (!in_group && group_count < kMostGroups) groups[group_count++] = 0;
        ++groups[group_count - 1];
      }
      in_group = kind == kDigit;
    }
  }
  std::string_view text() const { return {characters.data(), std::min(size, characters.size())}; }
  bool groups_are(std::initializer_list<uint8_t> sizes) const {
    return group_count == sizes.size() && std::equal(sizes.begin(), sizes.end(), groups.begin());
  }
  /// Whether nothing occurs but letters, digits and these.
  bool only(std::initializer_list<CharClass> kinds) const {
    std::size_t others = 0;
    for (std::size_t kind = kSpace; kind < kClasses; ++kind) others += counts[kind];
    for (const CharClass kind : kinds) others -= counts[kind];
    return others == 0;
  }
};

void note(Recognised& result, Pattern pattern, Match match) {
  if (match == Match::kNo) return;
  const uint32_t bit = 1u << static_cast<unsigned>(pattern);
  result.form |= bit;
  if (match == Match::kHolds) result.holds |= bit;
}

void note_mobile(Recognised& result, std::string_view digits) {
  const Match mobile = chinese_mobile(digits);
  note(result, Pattern::kPhoneMobile, mobile);
  if (mobile != Match::kNo) result.mobile_prefix = static_cast<uint8_t>((digits[1] - '0') * 10 + (digits[2] - '0'));
}

void plain_digits(std::string_view digits, Recognised& result) {
  const std::size_t size = digits.size();
  if (size >= 8 && size <= 15) note(result, Pattern::kPhonePlain, Match::kHolds);
  if (size == 9) note(result, Pattern::kSsnPlain, us_ssn(digits));
  if (size == 11) {
    note_mobile(result, digits);
    note(result, Pattern::kGermanTaxId, german_tax_id(digits));
    note(result, Pattern::kCpf, brazilian_cpf(digits));
  }
  if (size == 12) note(result, Pattern::kAadhaar, indian_aadhaar(digits));
  if (size == 13 && digits.starts_with("86")) note_mobile(result, digits.substr(2));
  if (size == 15) {
    note(result, Pattern::kChineseId15, chinese_id_15(digits));
    note(result, Pattern::kNir, french_nir(digits));
  }
  if (size == 18) note(result, Pattern::kChineseId, chinese_id(digits));
  note(result, Pattern::kCard, card_number(digits));
}

/// 0171 2345678, (030) 1234567, 06 12 34 56 78, 020 7946 0958, 0049 171 2345678; no date such as 01-02-2020 12.
bool is_zero_led_phone(const Shape& shape) {
  const std::string_view digits = shape.text();
  const bool abroad = digits.starts_with("00");
  if (digits[0] != '0' || digits.size() < (abroad ? 11u : 9u) || digits.size() > (abroad ? 15u : 12u)) return false;
  if (digits[abroad ? 2 : 1] == '0' || shape.counts[kDot] == 1 || shape.counts[kSlash] > 1 || shape.group_count > 6) return false;
  const bool pairs = std::all_of(shape.groups.begin(), shape.groups.begin() + static_cast<std::ptrdiff_t>(shape.group_count),
                                 [](uint8_t size) { return size == 2; });
  return pairs || !(shape.groups[0] == 2 && shape.groups[1] == 2);
}

bool is_ipv4(std::string_view text) {
  std::array<char, 16> copy{};
  if (text.size() >= copy.size()) return false;
  std::copy(text.begin(), text.end(), copy.begin());
  in_addr address;
  return ::inet_pton(AF_INET, copy.data(), &address) == 1;
}

bool is_ipv6(std::string_view text) {
  std::array<char, 46> copy{};
  if (text.size() >= copy.size()) return false;
  std::copy(text.begin(), text.end(), copy.begin());
  in6_addr address;
  return ::inet_pton(AF_INET6, copy.data(), &address) == 1;
}

/// Digits in groups.
void separated_digits(std::string_view text, const Shape& shape, Recognised& result) {
  const std::string_view digits = shape.text();
  const std::size_t dashes = shape.counts[kDash], dots = shape.counts[kDot], spaces = shape.counts[kSpace], parens = shape.counts[kParen];
  const bool light = shape.only({kDash, kSpace});
  if (shape.group_count == 1 && parens == 0) return;  // -5
  if (dots == 1 && shape.only({kDot, kDash})) return;   // a decimal number
  if (dots == 3 && shape.only({kDot}) && is_ipv4(text)) return note(result, Pattern::kIp, Match::kHolds);
  if (shape.groups_are({3, 2, 4}) && light && dashes + spaces == 2) return note(result, Pattern::kSsn, us_ssn(digits));
  if (shape.groups_are({3, 3, 3, 2}) && dots == 2 && dashes == 1) return note(result, Pattern::kCpf, brazilian_cpf(digits));
  if (shape.groups_are({3, 3, 4}) || (shape.groups_are({1, 3, 3, 4}) && digits[0] == '1')) {
    const bool valid = is_american_phone(digits.substr(digits.size() - 10));
    if (parens == 2) return note(result, Pattern::kPhoneFormatted, valid ? Match::kHolds : Match::kNo);
    return note(result, Pattern::kPhoneNational, valid ? Match::kHolds : Match::kForm);
  }
  if (light && (shape.groups_are({3, 4, 4}) || shape.groups_are({2, 3, 4, 4})) && digits[digits.size() - 11] == '1') {
    return note(result, Pattern::kPhoneNational, chinese_mobile(digits.substr(digits.size() - 11)));
  }
  if (light && shape.groups_are({4, 4, 4})) note(result, Pattern::kAadhaar, indian_aadhaar(digits));
  if (light && shape.groups_are({2, 3, 3, 3})) note(result, Pattern::kGermanTaxId, german_tax_id(digits));
  if (light && shape.group_count >= 3 && shape.groups[0] == 4 && digits.size() >= 13) note(result, Pattern::kCard, card_number(digits));
  if (spaces > 0 && light && digits.size() == 15 && shape.group_count >= 5) note(result, Pattern::kNir, french_nir(digits));
  if (is_zero_led_phone(shape)) note(result, Pattern::kPhoneNational, Match::kHolds);
}

/// Letters and digits, in groups or not.
void letters_and_digits(const Shape& shape, Recognised& result) {
  const std::string_view text = shape.text();
  if (shape.size > kLongestNumber) return;
  switch (text.size()) {
    case 9:
      note(result, Pattern::kNino, uk_nino(text));
      note(result, Pattern::kDni, spanish_dni(text));
      break;
    case 10: note(result, Pattern::kTaiwanId, taiwan_id(text)); break;
    case 15: note(result, Pattern::kNir, french_nir(text)); break;
    case 16: note(result, Pattern::kFiscalCode, italian_fiscal_code(text)); break;
    case 18: note(result, Pattern::kChineseId, chinese_id(text)); break;
    default: break;
  }
  note(result, Pattern::kIban, iban(text));
}

/// Whether text of this shape may hold a number beside something else.
bool may_hold(const Shape& shape) {
  const bool words = shape.counts[kLetter] + shape.counts[kHigh] + shape.counts[kPlus] + shape.counts[kOther] > 0;
  if (words && (shape.counts[kOther] > 0 || shape.size >= 9)) return true;  // an @, or as many digits as the shortest number
  return *std::max_element(shape.groups.begin(), shape.groups.end()) >= 11;
}

/// Bit 7 of each byte that is a decimal digit.
uint64_t digit_bits(uint64_t word) {
  constexpr uint64_t high = 0x8080808080808080u;
  // x = byte ^ '0' is below 10 for digits alone; adding 0x76 carries into bit 7 from 10 on, and bytes from 0x80 on have it already.
  const uint64_t x = word ^ 0x3030303030303030u;
  return ~(((x & ~high) + 0x7676767676767676u) | x) & high;
}

/// Bit 7 of each byte that equals the one repeated in `wanted`.
uint64_t equal_bits(uint64_t word, uint64_t wanted) {
  constexpr uint64_t high = 0x8080808080808080u;
  const uint64_t x = word ^ wanted;
  return ~(((x & ~high) + ~high) | x) & high;
}

template <class T>
T load(std::string_view text, std::size_t first) {
  T value;
  std::memcpy(&value, text.data() + first, sizeof value);
  return value;
}

/// The last `count` < 8 bytes, filled up with zeros, without the slow copy of a length known only at run time.
uint64_t last_bytes(std::string_view text, std::size_t count) {
  static_assert(std::endian::native == std::endian::little);
  const std::size_t size = text.size();
  if (size >= 8) return load<uint64_t>(text, size - 8) >> 8 * (8 - count);
  if (count >= 4) return load<uint32_t>(text, 0) | static_cast<uint64_t>(load<uint32_t>(text, count - 4)) << 8 * (count - 4);
  uint64_t word = 0;
  for (std::size_t i = 0; i < count; ++i) word |= static_cast<uint64_t>(static_cast<unsigned char>(text[i])) << 8 * i;
  return word;
}

/// The sum of eight bytes.
std::size_t lane_sum(uint64_t lanes) {
  constexpr uint64_t even = 0x00FF00FF00FF00FFu;
  return static_cast<std::size_t>(((lanes & even) + (lanes >> 8 & even)) * 0x0001000100010001u >> 48);
}

}  // namespace

bool may_be_personal(std::string_view text) {
  const std::size_t size = text.size();
  std::size_t digits = 0, dots = 0;
  uint64_t at = 0, digit_lanes = 0, dot_lanes = 0;
  const auto take_word = [&](uint64_t word) {
    digit_lanes += digit_bits(word) >> 7;
    dot_lanes += equal_bits(word, 0x2E2E2E2E2E2E2E2Eu) >> 7;
    at |= equal_bits(word, 0x4040404040404040u);
  };
  std::size_t i = 0;
  while (i + 8 <= size) {
    // A lane is a byte, full after 255 words.
    for (const std::size_t end = std::min(size, i + 255 * 8); i + 8 <= end; i += 8) take_word(load<uint64_t>(text, i));
    digits += lane_sum(std::exchange(digit_lanes, 0));
    dots += lane_sum(std::exchange(dot_lanes, 0));
  }
  if (i < size) take_word(last_bytes(text, size - i));
  digits += lane_sum(digit_lanes);
  dots += lane_sum(dot_lanes);
  if (at != 0) return true;
  const std::size_t signs = size > 0 && text[0] == '-' ? 1 : 0;
  if (digits + signs == size) return digits >= 8 && digits <= 19;  // a whole number
  // A decimal number, or a whole one as data frames write it.
  if (dots == 1 && digits + dots + signs == size) return digits >= 9 && text.ends_with(".0");
  return digits >= 6 || (dots >= 3 && digits >= 4);
}

Recognised recognise(std::string_view text) {
  Recognised result;
  text = canonical_id(text);  // data frames write 13912345678.0
  if (text.size() > kLongestWhole) {
    if (is_email(text)) note(result, Pattern::kEmail, Match::kHolds);
    else look_inside(text, result);
    return result;
  }
  const Shape shape(text);
  if (shape.size == 0) return result;
  const bool other = shape.counts[kOther] + shape.counts[kHigh] + shape.counts[kColon] > 0;
  if (is_email(text)) {
    note(result, Pattern::kEmail, Match::kHolds);
  } else if (!other && shape.counts[kLetter] == 0 && shape.size <= kLongestNumber) {
    if (shape.size == text.size()) {
      plain_digits(text, result);
      return result;
    }
    if (shape.counts[kPlus] == 0) separated_digits(text, shape, result);
    else if (is_international_phone(text)) note(result, Pattern::kPhoneFormatted, Match::kHolds);
  } else if (shape.counts[kColon] >= 2 && is_ipv6(text)) {
    note(result, Pattern::kIp, Match::kHolds);
  } else if (shape.counts[kLetter] > 0 && shape.only({kSpace, kDash})) {
    letters_and_digits(shape, result);
  }
  if (result.form == 0 && text.size() >= kShortestText && may_hold(shape)) look_inside(text, result);
  return result;
}

}  // namespace cohort::datasets
