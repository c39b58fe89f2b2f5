#include "datasets/privacy/identity_numbers.h"

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <string>

namespace cohort::datasets {
namespace {

bool digit_at(std::string_view text, std::size_t i) { return text[i] >= '0' && text[i] <= '9'; }
bool capital_at(std::string_view text, std::size_t i) { return text[i] >= 'A' && text[i] <= 'Z'; }

bool all_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Up to nine digits as a number.
int number_at(std::string_view text, std::size_t first, std::size_t count) {
  int value = 0;
  for (std::size_t i = first; i < first + count; ++i) value = value * 10 + (text[i] - '0');
  return value;
}

/// Letters as 10 … 35, digits as they are, modulo 97 (ISO 7064 MOD 97-10).
int mod_97(std::string_view text) {
  int rest = 0;
  for (const char c : text) {
    const bool letter = c >= 'A';
    rest = (rest * (letter ? 100 : 10) + (letter ? c - 'A' + 10 : c - '0')) % 97;
  }
  return rest;
}

/// The two digits of the province in a Chinese number.
bool is_chinese_province(int code) {
  static constexpr std::string_view kCodes =
      "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83 ";
  const std::array<char, 3> wanted{static_cast<char>('0' + code / 10), static_cast<char>('0' + code % 10), ' '};
  return kCodes.find(std::string_view(wanted.data(), wanted.size())) != std::string_view::npos;
}

struct CountryLength {
  std::string_view country;
  std::size_t length;
};
// The registry of ISO 13616.
constexpr CountryLength kIbanLengths[] = {
    {"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22}, {"BH", 22}, {"BI", 27},
    {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24}, {"DE", 22}, {"DJ", 27}, {"DK", 18}, {"DO", 28},
    {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18}, {"FK", 18}, {"FO", 18}, {"FR", 27}, {"GB", 22}, {"GE", 22}, {"GI", 23},
    {"GL", 18}, {"GR", 27}, {"GT", 28}, {"HN", 28}, {"HR", 21}, {"HU", 28}, {"IE", 22}, {"IL", 23}, {"IQ", 23}, {"IS", 26},
    {"IT", 27}, {"JO", 30}, {"KW", 30}, {"KZ", 20}, {"LB", 28}, {"LC", 32}, {"LI", 21}, {"LT", 20}, {"LU", 20}, {"LV", 21},
    {"LY", 25}, {"MC", 27}, {"MD", 24}, {"ME", 22}, {"MK", 19}, {"MN", 20}, {"MR", 27}, {"MT", 31}, {"MU", 30}, {"NI", 28},
    {"NL", 18}, {"NO", 15}, {"OM", 23}, {"PK", 24}, {"PL", 28}, {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22},
    {"RU", 33}, {"SA", 24}, {"SC", 31}, {"SD", 18}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"SO", 23}, {"ST", 25},
    {"SV", 28}, {"TL", 23}, {"TN", 24}, {"TR", 26}, {"UA", 29}, {"VA", 22}, {"VG", 24}, {"XK", 20}, {"YE", 30}};

bool is_card_issuer(std::string_view digits) {
  const std::size_t size = digits.size();
  const int two = number_at(digits, 0, 2), three = number_at(digits, 0, 3), four = number_at(digits, 0, 4);
  if (digits[0] == '4') return size == 13 || size == 16 || size == 19;
  if ((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720)) return size == 16;
  if (two == 34 || two == 37) return size == 15;
  if (two == 62) return size >= 16;
  if (four == 6011 || (three >= 644 && three <= 649) || two == 65) return size >= 16;
  if (four >= 3528 && four <= 3589) return size >= 16;
  if ((three >= 300 && three <= 305) || two == 36 || two == 38 || two == 39) return size >= 14;
  if (four >= 2200 && four <= 2204) return size >= 16;
  return two == 50 || (two >= 56 && two <= 58) || two == 63 || two == 67;
}

Match matched(bool form, bool holds) { return !form ? Match::kNo : holds ? Match::kHolds : Match::kForm; }

/// What a letter or digit at an odd place (from 1) of a codice fiscale counts.
int fiscal_odd_value(char c) {
  static constexpr int kValues[26] = {1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23};
  return kValues[c >= 'A' ? c - 'A' : c - '0'];
}

}  // namespace

bool is_calendar_day(int year, int month, int day) {
  using namespace std::chrono;
  return month > 0 && day > 0 &&
         year_month_day(std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                        std::chrono::day(static_cast<unsigned>(day)))
             .ok();
}

bool luhn_holds(std::string_view digits) {
  int sum = 0;
  bool twice = false;
  for (std::size_t i = digits.size(); i-- > 0; twice = !twice) {
    int value = digits[i] - '0';
    if (twice) value = value > 4 ? 2 * value - 9 : 2 * value;
    sum += value;
  }
  return sum % 10 == 0;
}

Match card_number(std::string_view digits) {
  const bool form = digits.size() >= 13 && digits.size() <= 19 && all_digits(digits) && is_card_issuer(digits);
  return matched(form, form && luhn_holds(digits));
}

Match iban(std::string_view text) {
  if (text.size() < 15 || text.size() > 34 || !capital_at(text, 0) || !capital_at(text, 1) || !digit_at(text, 2) || !digit_at(text, 3))
    return Match::kNo;
  const auto country = std::find_if(std::begin(kIbanLengths), std::end(kIbanLengths),
                                    [&](const CountryLength& entry) { return entry.country == text.substr(0, 2); });
  if (country == std::end(kIbanLengths) || country->length != text.size()) return Match::kNo;
  for (std::size_t i = 4; i < text.size(); ++i) {
    if (!digit_at(text, i) && !capital_at(text, i)) return Match::kNo;
  }
  std::string turned(text.substr(4));
  turned += text.substr(0, 4);
  return matched(true, mod_97(turned) == 1);
}

Match chinese_id(std::string_view text) {
  if (text.size() != 18 || !all_digits(text.substr(0, 17)) || (!digit_at(text, 17) && text[17] != 'X')) return Match::kNo;
  const int year = number_at(text, 6, 4);
  if (!is_chinese_province(number_at(text, 0, 2)) || year < 1900 || year > 2100 ||
      !is_calendar_day(year, number_at(text, 10, 2), number_at(text, 12, 2))) {
    return Match::kNo;
  }
  // ISO 7064 MOD 11-2: with the check character (X is 10) the doubled running sum is 1 modulo 11.
  int sum = 0;
  for (std::size_t i = 0; i < 17; ++i) sum = (sum + (text[i] - '0')) * 2 % 11;
  sum += text[17] == 'X' ? 10 : text[17] - '0';
  return matched(true, sum % 11 == 1);
}

Match chinese_id_15(std::string_view digits) {
  if (digits.size() != 15 || !all_digits(digits) || !is_chinese_province(number_at(digits, 0, 2))) return Match::kNo;
  return matched(is_calendar_day(1900 + number_at(digits, 6, 2), number_at(digits, 8, 2), number_at(digits, 10, 2)), true);
}

Match chinese_mobile(std::string_view digits) {
  if (digits.size() != 11 || digits[0] != '1' || digits[1] < '3' || !all_digits(digits)) return Match::kNo;
  // Three-digit prefixes that are not given out.
  static constexpr std::string_view kUnused = "140 141 142 143 144 146 148 154 160 161 163 164 168 169 179 194 ";
  return matched(true, kUnused.find(digits.substr(0, 3)) == std::string_view::npos);
}

Match taiwan_id(std::string_view text) {
  if (text.size() != 10 || !capital_at(text, 0) || !all_digits(text.substr(1)) ||
      std::string_view("1289").find(text[1]) == std::string_view::npos) {
    return Match::kNo;
  }
  // Letters in the order of their numbers, from 10 on.
  static constexpr std::string_view kLetters = "ABCDEFGHJKLMNPQRSTUVXYWZIO";
  const auto number = static_cast<int>(kLetters.find(text[0])) + 10;
  int sum = number / 10 + number % 10 * 9;
  for (std::size_t i = 1; i < 9; ++i) sum += (text[i] - '0') * static_cast<int>(9 - i);
  return matched(true, (sum + (text[9] - '0')) % 10 == 0);
}

Match us_ssn(std::string_view digits) {
  if (digits.size() != 9 || !all_digits(digits)) return Match::kNo;
  const int area = number_at(digits, 0, 3);
  const bool given = area != 0 && area != 666 && area < 900 && number_at(digits, 3, 2) != 0 && number_at(digits, 5, 4) != 0;
  return matched(true, given);
}

Match uk_nino(std::string_view text) {
  if (text.size() != 9 || !capital_at(text, 0) || !capital_at(text, 1) || !all_digits(text.substr(2, 6)) || !capital_at(text, 8))
    return Match::kNo;
  static constexpr std::string_view kNever = "BG GB KN NK NT TN ZZ ";
  const bool letters = std::string_view("DFIQUV").find(text[0]) == std::string_view::npos &&
                       std::string_view("DFIOQUV").find(text[1]) == std::string_view::npos;
  return matched(true, letters && text[8] <= 'D' && kNever.find(text.substr(0, 2)) == std::string_view::npos);
}

Match german_tax_id(std::string_view digits) {
  if (digits.size() != 11 || digits[0] == '0' || !all_digits(digits)) return Match::kNo;
  uint32_t once = 0, repeated = 0;
  for (std::size_t i = 0; i < 10; ++i) {
    const uint32_t bit = 1u << (digits[i] - '0');
    repeated |= once & bit;
    once |= bit;
  }
  // Nine different digits: one of them twice. Eight: one of them three times, unless two are repeated.
  const int different = std::popcount(once);
  if (different != 9 && !(different == 8 && std::has_single_bit(repeated))) return Match::kNo;
  // ISO 7064 MOD 11,10.
  int product = 10;
  for (std::size_t i = 0; i < 10; ++i) {
    int sum = (digits[i] - '0' + product) % 10;
    if (sum == 0) sum = 10;
    product = sum * 2 % 11;
  }
  return matched(true, (11 - product) % 10 == digits[10] - '0');
}

Match french_nir(std::string_view text) {
  if (text.size() != 15 || (text[0] != '1' && text[0] != '2')) return Match::kNo;
  const bool corsica = text[5] == '2' && (text[6] == 'A' || text[6] == 'B');
  std::string digits(text);
  if (corsica) digits[6] = text[6] == 'A' ? '9' : '8';  // 2A counts as 19, 2B as 18
  if (corsica) digits[5] = '1';
  if (!all_digits(digits)) return Match::kNo;
  const int month = number_at(digits, 3, 2);
  if (month == 0 || (month > 12 && month < 20) || number_at(digits, 13, 2) > 97) return Match::kNo;
  return matched(true, mod_97(std::string_view(digits).substr(0, 13)) + number_at(digits, 13, 2) == 97);
}

Match spanish_dni(std::string_view text) {
  if (text.size() != 9 || !all_digits(text.substr(1, 7)) || !capital_at(text, 8)) return Match::kNo;
  const bool foreign = text[0] >= 'X' && text[0] <= 'Z';
  if (!foreign && !digit_at(text, 0)) return Match::kNo;
  const int number = (foreign ? text[0] - 'X' : text[0] - '0') * 10000000 + number_at(text, 1, 7);
  return matched(true, "TRWAGMYFPDXBNJZSQVHLCKE"[number % 23] == text[8]);
}

Match italian_fiscal_code(std::string_view text) {
  if (text.size() != 16) return Match::kNo;
  static constexpr std::string_view kForm = "AAAAAA00A00A000A";
  for (std::size_t i = 0; i < 16; ++i) {
    if (kForm[i] == 'A' ? !capital_at(text, i) : !digit_at(text, i)) return Match::kNo;
  }
  const int day = number_at(text, 9, 2) % 40;
  if (std::string_view("ABCDEHLMPRST").find(text[8]) == std::string_view::npos || day < 1 || day > 31) return Match::kNo;
  int sum = 0;
  for (std::size_t i = 0; i < 15; ++i) sum += i % 2 == 0 ? fiscal_odd_value(text[i]) : text[i] >= 'A' ? text[i] - 'A' : text[i] - '0';
  return matched(true, 'A' + sum % 26 == text[15]);
}

Match brazilian_cpf(std::string_view digits) {
  if (digits.size() != 11 || !all_digits(digits) || digits.find_first_not_of(digits[0]) == std::string_view::npos) return Match::kNo;
  const auto check = [&](std::size_t count) {
    int sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += (digits[i] - '0') * static_cast<int>(count + 1 - i);
    return sum * 10 % 11 % 10 == digits[count] - '0';
  };
  return matched(true, check(9) && check(10));
}

Match indian_aadhaar(std::string_view digits) {
  if (digits.size() != 12 || digits[0] < '2' || !all_digits(digits)) return Match::kNo;
  // Verhoeff 1969: the dihedral group of ten elements, and powers of one permutation by place.
  static constexpr int kPermutation[10] = {1, 5, 7, 6, 2, 8, 3, 0, 9, 4};
  const auto times = [](int a, int b) {
    if (a < 5) return b < 5 ? (a + b) % 5 : (a + b - 5) % 5 + 5;
    return b < 5 ? (a - 5 - b + 5) % 5 + 5 : (a - b + 5) % 5;
  };
  int sum = 0;
  for (std::size_t i = 0; i < 12; ++i) {
    int value = digits[11 - i] - '0';
    for (std::size_t turn = 0; turn < i % 8; ++turn) value = kPermutation[value];
    sum = times(sum, value);
  }
  return matched(true, sum == 0);
}

}  // namespace cohort::datasets
