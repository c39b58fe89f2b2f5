#include "datasets/privacy/personal_data.h"

#include <functional>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "core/philox.h"
#include "datasets/privacy/identity_numbers.h"
#include "datasets/privacy/personal_name.h"

namespace cohort::datasets {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

const core::KeyedRandom kDraw(11, "privacy scan test");

std::string digits(uint64_t index, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += static_cast<char>('0' + kDraw.below(index * 32 + static_cast<uint64_t>(i), 10));
  return text;
}

/// With the last character that makes it hold.
std::string completed(std::string text, Match (*recognise)(std::string_view), std::string_view last = "0123456789X") {
  for (const char c : last) {
    if (recognise(text + c) == Match::kHolds) return text + c;
  }
  return text;
}

ColumnScan scan_of(const std::string& name, std::size_t count, const std::function<std::string(uint64_t)>& value) {
  ColumnScan scan(name);
  for (std::size_t i = 0; i < count; ++i) scan.see(value(i));
  return scan;
}

std::vector<PersonalFinding> findings(const std::string& name, std::size_t count, const std::function<std::string(uint64_t)>& value) {
  return personal_findings(name, scan_of(name, count, value));
}

std::string word(uint64_t i) { return fmt::format("item {}", i % 50); }

/// What the column is refused for: "email, phone".
std::string refused(const std::string& name, std::size_t count, const std::function<std::string(uint64_t)>& value) {
  std::string kinds;
  for (const PersonalFinding& finding : findings(name, count, value)) {
    if (finding.refused) kinds += (kinds.empty() ? "" : ", ") + finding.kind;
  }
  return kinds;
}

std::string mobile(uint64_t i) {
  static constexpr const char* kPrefixes[] = {"130", "131", "135", "136", "138", "139", "150", "151",
                                              "158", "170", "177", "186", "188", "189", "199"};
  return kPrefixes[kDraw.below(i + 1'000'000, 15)] + digits(i, 8);
}
std::string american(uint64_t i, const char* pattern) {
  return fmt::format(fmt::runtime(pattern), 201 + kDraw.below(i, 99) * 2, 212 + kDraw.below(i + 7, 99) * 5, digits(i, 4));
}
std::string chinese(uint64_t i) {
  return completed(
      fmt::format("{}19{:02}{:02}{:02}{}", 110101 + kDraw.below(i, 5) * 10000, 50 + i % 50, 1 + i % 12, 1 + i % 28, digits(i, 3)),
      chinese_id);
}

TEST(PersonalDataScan, FindsEachKindInAColumnOfAnyName) {
  const auto at_domain = [](uint64_t i) { return fmt::format("User.{}+x@mail-{}.example.co.uk", i, i % 7); };
  EXPECT_EQ(refused("a", 100, at_domain), "email");
  EXPECT_EQ(refused("a", 100, [](uint64_t i) { return "+49 171 " + digits(i, 7); }), "phone");
  EXPECT_EQ(refused("a", 100, [](uint64_t i) { return "+1" + american(i, "{}{}{}"); }), "phone");
  EXPECT_EQ(refused("a", 100, [](uint64_t i) { return american(i, "({}) {}-{}"); }), "phone");
  EXPECT_EQ(refused("a", 100, [](uint64_t i) { return american(i, "{}-{}-{}"); }), "phone");
  EXPECT_EQ(refused("a", 100, [](uint64_t i) { return american(i, "1.{}.{}.{}"); }), "phone");
  EXPECT_EQ(refused("a", 100, mobile), "phone");
  EXPECT_EQ(refused("a", 100, [](uint64_t i) { return "86" + mobile(i); }), "phone");
  EXPECT_EQ(refused("a", 100, [](uint64_t i) { return mobile(i) + ".0"; }), "phone");
  EXPECT_EQ(refused("a", 100, [](uint64_t i) { return mobile(i).insert(7, "-").insert(3, "-"); }), "phone");
  EXPECT_EQ(refused("a", 100, [](uint64_t i) { return "0171 " + digits(i, 7); }), "phone");
  EXPECT_EQ(refused("a", 100, [](uint64_t i) { return "06 12 34 56 " + digits(i, 2); }), "phone");
  EXPECT_EQ(refused("a", 100, [](uint64_t i) { return "(030) " + digits(i, 7); }), "phone");
  EXPECT_EQ(refused("a", 100, [](uint64_t i) { return "0571-8" + digits(i, 7); }), "phone");
  EXPECT_EQ(refused("a", 100, [](uint64_t i) { return completed("4" + digits(i, 14), card_number); }), "card");
  EXPECT_EQ(refused("a", 100,
                    [](uint64_t i) { return completed("51" + digits(i, 13), card_number).insert(12, " ").insert(8, " ").insert(4, " "); }),
            "card");
  EXPECT_EQ(refused("a", 100, chinese), "identity");
  EXPECT_EQ(refused("a", 100, [](uint64_t i) { return fmt::format("{}-{}-1{}", 123 + i, 10 + i % 80, digits(i, 3)); }), "identity");
  EXPECT_EQ(refused("a", 100, [](uint64_t i) { return "AB" + digits(i, 6) + "C"; }), "identity");
  EXPECT_EQ(refused("a", 100, [](uint64_t i) { return completed("A1" + digits(i, 7), taiwan_id); }), "identity");
  EXPECT_EQ(refused("a", 100, [](uint64_t i) { return completed(digits(i, 8), spanish_dni, "ABCDEFGHIJKLMNPQRSTVWXYZ"); }), "identity");
  EXPECT_EQ(refused("a", 100, [](uint64_t i) { return completed("234" + digits(i, 8), indian_aadhaar); }), "identity");
  EXPECT_EQ(refused("a", 100, [](uint64_t i) { return i % 2 == 0 ? "RSSMRA85T10A562S" : "rccmnl83s18d969h"; }), "identity");
  EXPECT_EQ(refused("a", 100, [](uint64_t i) { return i % 2 == 0 ? "GB82 WEST 1234 5698 7654 32" : "DE89370400440532013000"; }), "iban");
  EXPECT_EQ(refused("a", 100, [](uint64_t i) { return fmt::format("{}.{}.{}.{}", 1 + i % 223, i % 256, (i * 7) % 256, 255 - i); }), "ip");
  EXPECT_EQ(refused("a", 100, [](uint64_t i) { return fmt::format("2001:db8:{:x}::{:x}", i, i * 77); }), "ip");
}

TEST(PersonalDataScan, DoesntFireOnOtherColumns) {
  const std::vector<std::pair<const char*, std::function<std::string(uint64_t)>>> columns{
      {"counter", [](uint64_t i) { return fmt::format("{}", i); }},
      {"16 random digits", [](uint64_t i) { return digits(i, 16); }},
      {"13 to 19 random digits", [](uint64_t i) { return digits(i, 13 + static_cast<int>(i % 7)); }},
      {"11 random digits", [](uint64_t i) { return digits(i, 11); }},
      {"10 random digits", [](uint64_t i) { return digits(i, 10); }},
      {"12 random digits", [](uint64_t i) { return digits(i, 12); }},
      {"9 random digits", [](uint64_t i) { return digits(i, 9); }},
      {"20-digit ids", [](uint64_t i) { return "1" + digits(i, 19); }},
      {"11 digits that count up through mobile numbers", [](uint64_t i) { return fmt::format("{}", 13900000000 + i); }},
      {"11 random digits in the range of mobile numbers",
       [](uint64_t i) { return fmt::format("1{}{}", 3 + kDraw.below(i, 7), digits(i, 9)); }},
      {"16 digits that count up through card numbers", [](uint64_t i) { return fmt::format("{}", 4000000000000000 + i * 3); }},
      {"seconds", [](uint64_t i) { return fmt::format("{}", 1445714994 + i * 60); }},
      {"milliseconds", [](uint64_t i) { return fmt::format("{}", 1649581149287 + i * 997); }},
      {"microseconds", [](uint64_t i) { return fmt::format("{}", 1649581149287123 + i * 997); }},
      {"dates", [](uint64_t i) { return fmt::format("{:02}-{:02}-2011", 1 + i % 28, 1 + i % 12); }},
      {"dates with a year first", [](uint64_t i) { return fmt::format("2011/{:02}/{:02}", 1 + i % 12, 1 + i % 28); }},
      {"times", [](uint64_t i) { return fmt::format("2017-01-28 19:{:02}:53", i % 60); }},
      {"times with a zone", [](uint64_t i) { return fmt::format("2017-01-28T19:{:02}:53+08:00", i % 60); }},
      {"compact times", [](uint64_t i) { return fmt::format("20170128{:02}{:02}{:02}", i % 24, i % 60, i % 59); }},
      {"amounts", [](uint64_t i) { return fmt::format("{:.2f}", 1e6 * kDraw.uniform(i)); }},
      {"whole amounts", [](uint64_t i) { return fmt::format("{}", kDraw.below(i, 100'000'000)); }},
      {"thousands", [](uint64_t i) { return fmt::format("{},{:03},{:03}", 1 + i % 9, i % 1000, i * 7 % 1000); }},
      {"coordinates", [](uint64_t i) { return fmt::format("{:.9f}", -180 + 360 * kDraw.uniform(i)); }},
      {"fractions", [](uint64_t i) { return fmt::format("{:.17g}", kDraw.uniform(i)); }},
      {"hex", [](uint64_t i) { return fmt::format("{:08x}", kDraw.u32(i)); }},
      {"long hex", [](uint64_t i) { return fmt::format("{:016x}", kDraw.u64(i)); }},
      {"uuid",
       [](uint64_t i) {
         return fmt::format("{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}", kDraw.u32(i), i, i, i, kDraw.u64(i) & 0xFFFFFFFFFFFF);
       }},
      {"article codes", [](uint64_t i) { return digits(i, 5) + static_cast<char>('A' + i % 26); }},
      {"codes of letters and digits",
       [](uint64_t i) { return fmt::format("{}{}{}{}", "QDXZ"[i % 4], "QDWB"[i / 4 % 4], digits(i, 6), "EXYZ"[i % 4]); }},
      {"invoices", [](uint64_t i) { return "C" + digits(i, 9); }},
      {"eight digits and a letter", [](uint64_t i) { return digits(i, 8) + static_cast<char>('A' + kDraw.below(i + 9, 26)); }},
      {"EAN", [](uint64_t i) { return "4" + digits(i, 12); }},
      {"zip codes", [](uint64_t i) { return digits(i, 5) + "-" + digits(i + 1, 4); }},
      {"versions", [](uint64_t i) { return fmt::format("{}.{}.{}", i % 9, i % 30, digits(i, 5)); }},
      {"sizes", [](uint64_t i) { return fmt::format("1,000,{:03} - 5,000,000", i % 1000); }},
      {"handles", [](uint64_t i) { return fmt::format("@user{}", i); }},
      {"pictures", [](uint64_t i) { return fmt::format("icon{}@2x.png", i); }},
      {"urls", [](uint64_t i) { return fmt::format("http://shop.example.com/item/{}?v={}", i * 7919, digits(i, 9)); }},
      {"ranges", [](uint64_t i) { return fmt::format("{}-{}K", i, i + 10); }},
      {"numbers with a plus", [](uint64_t i) { return fmt::format("+{}", i * 100003); }},
      {"reviews",
       [](uint64_t i) { return fmt::format("房间很大，床有{}M宽，价格{}元，2008年{:02}月{:02}日入住", i % 3, i, 1 + i % 12, 1 + i % 28); }},
  };
  for (const auto& [name, value] : columns) {
    for (const PersonalFinding& finding : findings("value", 5000, value)) ADD_FAILURE() << name << ": " << finding.message();
  }
}

TEST(PersonalDataScan, NeedsThreeValuesAndAHundredthOfThem) {
  const auto every = [](uint64_t n) {
    return [n](uint64_t i) { return i % n == 0 ? fmt::format("user{}@example.com", i) : word(i); };
  };
  EXPECT_EQ(refused("remark", 1000, every(100)), "email");
  EXPECT_EQ(refused("remark", 1010, every(101)), "");
  EXPECT_EQ(refused("remark", 200, every(100)), "");  // two values
  EXPECT_EQ(refused("remark", 201, every(100)), "email");
  EXPECT_EQ(refused("remark", 3, every(1)), "email");
}

TEST(PersonalDataScan, TrustsTheNameOfTheColumn) {
  const auto rare_mail = [](uint64_t i) { return i == 500 ? "someone@example.com" : word(i); };
  EXPECT_EQ(refused("remark", 1000, rare_mail), "");
  for (const char* name : {"email", "contactEmail", "E-Mail", "e_mail", "EMAIL_ADDRESS", "客户邮箱"})
    EXPECT_EQ(refused(name, 1000, rare_mail), "email") << name;
  const auto plain_numbers = [](uint64_t i) { return i % 3 == 0 ? "" : "5" + digits(i, 7); };
  EXPECT_EQ(refused("value", 100, plain_numbers), "");
  for (const char* name : {"phone", "HomePhone", "tel", "phone_number", "手机号码", "联系电话"})
    EXPECT_EQ(refused(name, 100, plain_numbers), "phone") << name;
  EXPECT_EQ(refused("phonetic", 100, plain_numbers), "");
  const auto nine = [](uint64_t i) { return fmt::format("{}451{}", 101 + i, digits(i, 2) + "1"); };
  EXPECT_EQ(refused("number", 100, nine), "");
  EXPECT_EQ(refused("SSN", 100, nine), "identity");
}

TEST(PersonalDataScan, DoesntBelieveANameWithoutValues) {
  EXPECT_EQ(refused("PhoneService", 100, [](uint64_t i) { return i % 2 == 0 ? "Yes" : "No"; }), "");
  EXPECT_EQ(refused("phone_calls", 100, [](uint64_t i) { return fmt::format("{}", i); }), "");
  EXPECT_EQ(refused("card_id", 2000, [](uint64_t i) { return "4" + digits(i, 15); }), "");
  EXPECT_EQ(refused("device_ip", 100, [](uint64_t i) { return fmt::format("{:08x}", kDraw.u32(i)); }), "");
  EXPECT_EQ(refused("app_version", 100, [](uint64_t i) { return fmt::format("1.{}.0.2", i % 20); }), "");
}

TEST(PersonalDataScan, WarnsOfTextsThatHoldNumbersAndAddresses) {
  const auto review = [](uint64_t i) -> std::string {
    const std::string text = "不错的酒店，房间很大，早餐也很好。我下次还会来的，推荐给大家。服务员态度非常好，";
    if (i == 3) return text + "我的电话13912345678，请联系";
    if (i == 4) return text + "写信给我:someone@example.com。";
    if (i == 5) return text + "身份证11010519491231002X";
    if (i == 6) return text + "卡号4111111111111111！";
    return text + fmt::format("{}", i);
  };
  const std::vector<PersonalFinding> found = findings("review", 1000, review);
  ASSERT_THAT(found, SizeIs(4));
  for (const PersonalFinding& finding : found) {
    EXPECT_TRUE(finding.inside);
    EXPECT_FALSE(finding.refused) << finding.message();
    EXPECT_EQ(finding.hits, 1u) << finding.message();
  }
  EXPECT_EQ(found[0].example, "s***@***.com");
  EXPECT_EQ(found[1].example, "1*********8");
  EXPECT_EQ(found[2].example, "4**************1");
  EXPECT_EQ(found[3].example, "1****************X");
  EXPECT_THAT(found[0].message(), HasSubstr("column \"review\": what looks like e-mail addresses inside 1 of 1000 texts"));
}

TEST(PersonalDataScan, RefusesTextsMostOfWhichHoldAnAddress) {
  const auto signed_mail = [](uint64_t i) { return fmt::format("Dear all, see you on Monday. Yours, user{}@example.com (home)", i); };
  EXPECT_EQ(refused("mails", 100, signed_mail), "email");
  EXPECT_EQ(refused("contact", 100, [](uint64_t i) { return fmt::format("\"User {}\" <user{}@example.com>", i, i); }), "email");
  EXPECT_EQ(refused("contact", 100, [](uint64_t i) { return "Tel. " + mobile(i); }), "phone");
  EXPECT_EQ(refused("contact", 100, [](uint64_t i) { return mobile(i) + "/" + mobile(i + 500); }), "phone");
}

TEST(PersonalDataScan, FindsNumbersInTextByTheirBorders) {
  const auto holds = [](const std::string& text) {
    const Recognised found = recognise(text + " and a good deal more text than a number could ever have, so that it is text");
    std::string kinds;
    if (found.holds_it(Pattern::kHoldsEmail)) kinds += "e";
    if (found.holds_it(Pattern::kHoldsPhone)) kinds += "p";
    if (found.holds_it(Pattern::kHoldsCard)) kinds += "c";
    if (found.holds_it(Pattern::kHoldsIdentity)) kinds += "i";
    return kinds;
  };
  EXPECT_EQ(holds("mail (a.b@c-d.org), please"), "e");
  EXPECT_EQ(holds("call 13912345678."), "p");
  EXPECT_EQ(holds("call 8613912345678,"), "p");
  EXPECT_EQ(holds("call +48 601 453 194"), "p");
  EXPECT_EQ(holds("call (305) 848-8255"), "p");
  EXPECT_EQ(holds("call 305-848-8255"), "p");
  EXPECT_EQ(holds("card 4111111111111111"), "c");
  EXPECT_EQ(holds("ssn 123-45-6789"), "i");
  EXPECT_EQ(holds("id 11010519491231002x"), "i");
  EXPECT_EQ(holds("call 800-820-6666"), "") << "a toll-free number is nobody's";
  EXPECT_EQ(holds("x13912345678"), "");
  EXPECT_EQ(holds("139123456789"), "");
  EXPECT_EQ(holds("1.13912345678"), "");
  EXPECT_EQ(holds("0.4111111111111111"), "");
  EXPECT_EQ(holds("5-123-45-6789"), "");
  EXPECT_EQ(holds("123-45-67890"), "");
  EXPECT_EQ(holds("a@b and @c.de and d@e@f"), "");
  EXPECT_EQ(holds("1+2345678901"), "");
}

TEST(PersonalDataScan, TellsTheSameHoweverTheValuesAreSpread) {
  const auto value = [](uint64_t i) -> std::string {
    return i % 3 == 0 ? mobile(i) : i % 3 == 1 ? fmt::format("user{}@example.com", i) : "call " + mobile(i) + " now";
  };
  const ColumnScan whole = scan_of("a", 3000, value);
  std::vector<ColumnScan> parts(4, ColumnScan("a"));
  std::vector<std::thread> threads;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    threads.emplace_back([&parts, &value, p] {
      for (std::size_t i = 3000; i-- > 0;) {
        if (i % parts.size() == p) parts[p].see(value(i));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ColumnScan merged("a");
  for (std::size_t p = parts.size(); p-- > 0;) merged.merge(ColumnScan::deserialize(parts[p].serialize()));
  EXPECT_TRUE(merged.serialize() == whole.serialize());
  EXPECT_THROW(ColumnScan::deserialize("short"), core::Error);
}

TEST(PersonalDataScan, TakesDistinctValuesWithTheirCounts) {
  ColumnScan one("a"), many("a");
  one.see("someone@example.com", 1000);
  for (int i = 0; i < 1000; ++i) many.see("someone@example.com");
  EXPECT_TRUE(one.serialize() == many.serialize());
}

TEST(PersonalDataScan, TakesNumbersThatWereRead) {
  ColumnScan numbers("a"), texts("a");
  for (uint64_t i = 0; i < 1000; ++i) {
    const std::string text = i % 2 == 0 ? mobile(i) : fmt::format("{:.3f}", 1e3 * kDraw.uniform(i));
    texts.see(text);
    numbers.see_number(std::stod(text), text);
  }
  numbers.see_integer(5, "5");
  texts.see("5");
  EXPECT_TRUE(numbers.serialize() == texts.serialize());
}

TEST(PersonalDataScan, CountsNoMissingValues) {
  EXPECT_THAT(personal_findings("email", ColumnScan("email")), IsEmpty());
}

TEST(PersonalFindings, ShowNoValue) {
  for (uint64_t i = 0; i < 50; ++i) {
    for (const std::string& raw : {mobile(i), chinese(i), fmt::format("person{}@example.org", i), "+49 171 " + digits(i, 7)}) {
      const auto found = findings("a", 3, [&](uint64_t) { return raw; });
      ASSERT_THAT(found, SizeIs(1)) << raw;
      for (const std::string& text :
           {found[0].message(), found[0].remedy(), personal_data_error(found).what() + std::string(), to_json(found[0]).dump()}) {
        EXPECT_THAT(text, Not(HasSubstr(raw)));
        EXPECT_THAT(text, Not(HasSubstr(raw.substr(raw.size() / 2))));
      }
    }
  }
}

TEST(PersonalFindings, AreLetThroughWhereTheOptionsSaySo) {
  auto found = findings(
      "a", 100, [](uint64_t i) { return i % 2 == 0 ? fmt::format("u{}@example.com", i) : completed("4" + digits(i, 14), card_number); });
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_TRUE(any_refused(found));
  allow_findings(found, std::vector<std::string>{"email"});
  EXPECT_TRUE(any_refused(found));
  EXPECT_THAT(personal_data_error(found).what(), AllOf(HasSubstr("payment card"), Not(HasSubstr("e-mail"))));
  allow_findings(found, std::vector<std::string>{"card"});
  EXPECT_FALSE(any_refused(found));
  EXPECT_EQ(to_json(found[0]).dump(),
            R"({"column":"a","kind":"email","what":"e-mail addresses","hits":50,"values":100,"inside":false,"allowed":true})");
}

TEST(PersonalFindings, AreOneErrorThatNamesEveryColumn) {
  auto found = findings("kontakt", 100, [](uint64_t i) { return fmt::format("u{}@example.com", i); });
  EXPECT_THAT(personal_data_error(found).what(),
              AllOf(HasSubstr("column \"kontakt\": what looks like e-mail addresses in 100 of 100 values (such as u***@***.com)"),
                    HasSubstr("[columns.kontakt] pseudonym = \"person\""), HasSubstr("allow = [\"email\"]")));
  const auto more = findings("手机", 100, mobile);
  found.insert(found.end(), more.begin(), more.end());
  const core::Error error = personal_data_error(found);
  EXPECT_EQ(error.exit(), core::Exit::kUsage);
  EXPECT_THAT(error.what(),
              AllOf(HasSubstr("\"kontakt\""), HasSubstr("手机"), HasSubstr("[columns.NAME]"), HasSubstr("\"email\", \"phone\"")));
}

TEST(NameSays, ReadsWholeWords) {
  EXPECT_TRUE(name_says("home_phone", "phone"));
  EXPECT_TRUE(name_says("customerIPAddress", "ip"));
  EXPECT_TRUE(name_says("Credit Card", "card"));
  EXPECT_TRUE(name_says("e-mail 2", "email"));
  EXPECT_TRUE(name_says("身份证号", "identity"));
  EXPECT_FALSE(name_says("microphone", "phone"));
  EXPECT_FALSE(name_says("description", "ip"));
  EXPECT_FALSE(name_says("discard", "card"));
  EXPECT_FALSE(name_says("", "email"));
  EXPECT_FALSE(name_says("email", "no such kind"));
}

// For the sanitizers.
TEST(PersonalDataScan, TakesAnyBytes) {
  static constexpr std::string_view kPieces[] = {"1", "39", "4111111111111111", "@",    ".", "a.b",  "com", "+", "-", " ", "(", ")",
                                                 ":", "::", "\xE5\xBC\xA0",     "\xFF", "X", "GB82", "0",   "/"};
  ColumnScan scan("phone");
  for (uint64_t i = 0; i < 50000; ++i) {
    std::string text;
    for (uint64_t k = 0; k < i % 24; ++k) text += kPieces[kDraw.below(i * 24 + k, std::size(kPieces))];
    scan.see(text);
    const Recognised found = recognise(text);
    EXPECT_EQ(found.holds & ~found.form, 0u) << text;
    EXPECT_LE(masked(text).size(), 40u);
  }
  EXPECT_EQ(scan.values(), 50000u);
}

TEST(Masked, KeepsTheFormAlone) {
  EXPECT_EQ(masked("someone@mail.example.com"), "s***@***.com");
  EXPECT_EQ(masked("13912345678"), "1*********8");
  EXPECT_EQ(masked("+49 171 1234567"), "+4* *** ******7");
  EXPECT_EQ(masked("123"), "1**");
  EXPECT_EQ(masked("张三的13912345678"), "***1*********8");
  EXPECT_LE(masked(std::string(1000, '5')).size(), 40u);
}

TEST(MayBePersonal, LetsNothingThroughThatIsFound) {
  for (const char* text :
       {"a@b.cd", "1.1.1.1", "AB123456C", "13912345678", "13912345678.0", "+49171123456", "x 123-45-6789", "4111111111111111"}) {
    EXPECT_TRUE(may_be_personal(text)) << text;
    EXPECT_NE(recognise(text).form, 0u) << text;
  }
  for (const char* text : {"", "1", "12.5", "1234567", "-1234567", "hello world", "5.827000141143799", "10000169349117863715", "1,234"}) {
    EXPECT_FALSE(may_be_personal(text)) << text;
  }
  // The counts are kept a byte each: longer texts than 255 words must not overflow.
  EXPECT_TRUE(may_be_personal(std::string(5000, 'x') + "@"));
  EXPECT_TRUE(may_be_personal(std::string(256 * 8, '7') + std::string(3000, 'x')));
  EXPECT_FALSE(may_be_personal(std::string(5000, 'x') + "12345"));
}

}  // namespace
}  // namespace cohort::datasets
