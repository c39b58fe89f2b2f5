// Numbers that name a person or an account: forms and check digits. Pure functions over ASCII text without separators.
//
// A test has two halves: whether the text has the *form* (so many digits, a known prefix, a real date), and whether it also *holds* (its
// check digit agrees). Of random numbers with the form a known share holds, 1 in 10 for Luhn; a column in which most hold is no accident.
#pragma once

#include <cstdint>
#include <string_view>

namespace cohort::datasets {

enum class Match : uint8_t { kNo, kForm, kHolds };

/// Luhn's check digit (ISO/IEC 7812-1, annex B). Digits alone.
bool luhn_holds(std::string_view digits);

/// Payment cards: 13 to 19 digits, a length and prefix that an issuer uses (Visa 4; Mastercard 51–55, 2221–2720; American Express 34,
/// 37; UnionPay 62; Discover 6011, 644–649, 65; JCB 3528–3589; Diners 300–305, 36, 38–39; Maestro 50, 56–58, 63, 67; Mir 2200–2204),
/// and Luhn.
Match card_number(std::string_view digits);

/// IBAN: country and its length (ISO 13616), and mod 97 = 1. Capital letters and digits.
Match iban(std::string_view text);

/// Chinese resident identity number (GB 11643): 17 digits and a digit or X; a province, a real date of birth from 1900 on, ISO 7064
/// MOD 11-2.
Match chinese_id(std::string_view text);
/// Its form before 1999: 15 digits with a province and a date, no check digit.
Match chinese_id_15(std::string_view digits);
/// A mobile number of mainland China: 11 digits from 13 to 19; it holds when the three-digit prefix is in use.
Match chinese_mobile(std::string_view digits);

/// Taiwan's identity card: a letter, 1 or 2 (8 or 9 for residents), seven digits and a check digit.
Match taiwan_id(std::string_view text);
/// US social security number as nine digits; 000, 666 and 9xx, group 00 and serial 0000 are never given out (SSA, RM 10201.035).
Match us_ssn(std::string_view digits);
/// UK national insurance number: two letters, six digits, A to D; prefixes that HMRC excludes (NIM39110).
Match uk_nino(std::string_view text);
/// German tax number of persons: 11 digits, one digit twice or three times among the first ten, ISO 7064 MOD 11,10.
Match german_tax_id(std::string_view digits);
/// French NIR: 15 digits with sex and month, 97 − (the first 13 mod 97). Corsica's 2A and 2B included.
Match french_nir(std::string_view text);
/// Spanish DNI and NIE: eight digits, or X, Y, Z and seven, and a letter by mod 23.
Match spanish_dni(std::string_view text);
/// Italian codice fiscale: 16 characters with a month letter and a day, check letter (decree of 23 December 1976).
Match italian_fiscal_code(std::string_view text);
/// Brazilian CPF: 11 digits, not all alike, two check digits mod 11.
Match brazilian_cpf(std::string_view digits);
/// Indian Aadhaar: 12 digits from 2 on, Verhoeff's check digit.
Match indian_aadhaar(std::string_view digits);

/// Whether year, month, day is a day of the Gregorian calendar.
bool is_calendar_day(int year, int month, int day);

}  // namespace cohort::datasets
