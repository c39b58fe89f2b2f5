// Check digits. The numbers are the issuers' own specimens or were checked with the Python package stdnum.
#include "datasets/privacy/identity_numbers.h"

#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace cohort::datasets {
namespace {

using Recogniser = Match (*)(std::string_view);

struct Case {
  const char* name;
  Recogniser recognise;
  std::vector<std::string> hold;  ///< a wrong last digit must be noticed in each, where there is a check digit
  std::vector<std::string> form;  ///< the form alone
  std::vector<std::string> none;
};

const std::vector<Case> kCases{
    {"card",
     card_number,
     {"4111111111111111", "5555555555554444", "378282246310005", "6011111111111117", "3530111333300000", "30569309025904",
      "6222021234567890128", "2223003122003222"},
     {"4111111111111112", "378282246310006"},
     {"1649581149287000", "411111111111111", "9111111111111111", "12345678901234", "41111111111111111111", "411111111111",
      "411111111111111a"}},
    {"iban",
     iban,
     {"GB82WEST12345698765432", "DE89370400440532013000", "FR1420041010050500013M02606", "NO9386011117947",
      "MT84MALT011000012345MTLCAST001S"},
     {"DE89370400440532013001", "GB83WEST12345698765432"},
     {"DE8937040044053201300", "XX89370400440532013000", "DE8937040044053201300é", "de89370400440532013000"}},
    {"Chinese id",
     chinese_id,
     {"11010519491231002X", "360426199101010071"},
     {"110105194912310021"},
     {"110105194902310021", "990105194912310021", "110105179912310021", "1101051949123100", "2021010112345678901"}},
    {"Chinese id of 15 digits", chinese_id_15, {"110105491231002"}, {}, {"110105491331002", "160105491231002"}},
    {"Taiwanese id",
     taiwan_id,
     {"A123456789", "F131104093", "A800000014"},
     {"A123456780", "F131104094"},
     {"A323456789", "1123456789", "A12345678"}},
    {"SSN",
     us_ssn,
     {"123456789", "899999999"},
     {"000123456", "666123456", "900123456", "123006789", "123450000"},
     {"12345678", "1234567890"}},
    {"NINO", uk_nino, {"AB123456C", "JG103759A"}, {"BG123456A", "DA123456A", "AO123456A", "AB123456E"}, {"A1234567C", "AB12345C"}},
    {"German tax id",
     german_tax_id,
     {"86095742719", "36574261809", "65929970489"},
     {"86095742718"},
     {"11111111111", "01234567890", "12345678901x", "11223456789"}},
    {"NIR",
     french_nir,
     {"253072B07300470", "295109912611193", "255081416802538"},
     {"295109912611194"},
     {"395109912611193", "295139912611193", "29510991261119"}},
    {"DNI", spanish_dni, {"54362315K", "X2482300W", "12345678Z"}, {"54362315L"}, {"5436231KK", "W2482300W"}},
    {"codice fiscale",
     italian_fiscal_code,
     {"RSSMRA85T10A562S", "RCCMNL83S18D969H"},
     {"RSSMRA85T10A562T"},
     {"RSSMRA85F10A562S", "RSSMRA85T80A562S", "RSSMRA85T10A562"}},
    {"CPF", brazilian_cpf, {"39053344705", "11144477735"}, {"39053344706"}, {"11111111111", "3905334470"}},
    {"Aadhaar", indian_aadhaar, {"234123412346"}, {"234123412347"}, {"134123412346", "23412341234"}},
    {"Chinese mobile",
     chinese_mobile,
     {"13912345678", "19912345678"},
     {"14012345678", "15412345678"},
     {"12912345678", "1391234567", "23912345678"}},
};

TEST(IdentityNumbers, AreToldByFormAndCheckDigit) {
  for (const Case& one : kCases) {
    for (const std::string& text : one.hold) EXPECT_EQ(one.recognise(text), Match::kHolds) << one.name << " " << text;
    for (const std::string& text : one.form) EXPECT_EQ(one.recognise(text), Match::kForm) << one.name << " " << text;
    for (const std::string& text : one.none) EXPECT_EQ(one.recognise(text), Match::kNo) << one.name << " " << text;
    EXPECT_EQ(one.recognise(""), Match::kNo) << one.name;
  }
}

// Luhn, MOD 97, MOD 11-2, MOD 11,10, Verhoeff and a prime above 10 notice every single wrong digit.
TEST(IdentityNumbers, NoticeEveryWrongDigit) {
  const std::set<std::string> sure{"card", "iban", "Chinese id", "German tax id", "NIR", "DNI", "Aadhaar"};
  for (const Case& one : kCases) {
    if (!sure.contains(one.name)) continue;
    for (const std::string& text : one.hold) {
      for (std::size_t i = 0; i < text.size(); ++i) {
        for (char digit = '0'; digit <= '9'; ++digit) {
          std::string wrong = text;
          wrong[i] = digit;
          if (text[i] < '0' || text[i] > '9' || digit == text[i]) continue;
          EXPECT_NE(one.recognise(wrong), Match::kHolds) << one.name << " " << wrong;
        }
      }
    }
  }
}

TEST(IdentityNumbers, KnowTheCalendar) {
  EXPECT_TRUE(is_calendar_day(2000, 2, 29));
  EXPECT_FALSE(is_calendar_day(1900, 2, 29));
  EXPECT_FALSE(is_calendar_day(2024, 0, 1));
  EXPECT_FALSE(is_calendar_day(2024, 4, 31));
}

}  // namespace
}  // namespace cohort::datasets
