#include "datasets/privacy/pseudonym.h"

#include <array>
#include <numeric>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "core/error.h"

namespace cohort::datasets {
namespace {

using testing::HasSubstr;

PseudonymKey test_key(unsigned char first = 0) {
  std::array<unsigned char, 32> bytes;
  std::iota(bytes.begin(), bytes.end(), first);
  return PseudonymKey(core::Secret(bytes));
}

// Computed by Python: base64.b32encode(hmac(hmac(key, b"cohort pseudonym 1\0" + domain), value)[:16]).
TEST(Pseudonymiser, GivesTheDocumentedValues) {
  const PseudonymKey key = test_key();
  Pseudonymiser customers(key, "customer"), shops(key, "shop");
  EXPECT_EQ(customers.of_text("17850"), "ei2lqcsze546odd6agpa5extcm");
  EXPECT_EQ(customers.of_text("张三"), "stzjppgarhyliq3qf2sgmfpg2m");
  EXPECT_EQ(customers.of_text(std::string(200, 'x')), "qvfe572xlfupi744iyzixlbrgq");
  EXPECT_EQ(shops.of_text("17850"), "omodbmgz7uzufttjs2brq22hye");
  EXPECT_EQ(key.id(), "070a3c8aa0a0652e");
}

TEST(Pseudonymiser, GivesOnePersonOnePseudonymHoweverTheNumberIsWritten) {
  Pseudonymiser customers(test_key(), "customer");
  const std::string wanted(customers.of_integer(17850));
  for (const char* text : {"17850", " 17850\t", "17850\r\n", "17850.0", "17850.00", " 17850.0 "})
    EXPECT_EQ(customers.of_text(text), wanted) << text;
  EXPECT_EQ(customers.of_unsigned(17850), wanted);
  EXPECT_EQ(customers.of_integer(-5), std::string(customers.of_text("-5.0")));
  EXPECT_EQ(customers.of_unsigned(UINT64_MAX), std::string(customers.of_text("18446744073709551615")));
}

TEST(Pseudonymiser, KeepsApartWhatDiffers) {
  Pseudonymiser customers(test_key(), "customer"), of_another_key(test_key(1), "customer");
  std::set<std::string> seen;
  for (const char* text : {"17850", "017850", "+17850", "17850.5", "17850.", "1785", "a", "A", "a b", "ab", "v1.0", "1.0.0"}) {
    EXPECT_TRUE(seen.insert(std::string(customers.of_text(text))).second) << text;
  }
  EXPECT_TRUE(seen.insert(std::string(of_another_key.of_text("17850"))).second);
  for (int64_t i = 0; i < 10000; ++i) {
    if (i == 1785) continue;
    EXPECT_TRUE(seen.insert(std::string(customers.of_integer(i))).second) << i;
  }
}

TEST(Pseudonymiser, IsTextThatSurvivesSpreadsheetsAndFileNames) {
  Pseudonymiser customers(test_key(), "customer");
  for (int64_t i = 0; i < 1000; ++i) {
    const std::string text(customers.of_integer(i));
    EXPECT_EQ(text.size(), Pseudonymiser::kCharacters);
    EXPECT_EQ(text.find_first_not_of("abcdefghijklmnopqrstuvwxyz234567"), std::string::npos) << text;
  }
}

TEST(Pseudonymiser, LeavesMissingMissing) {
  Pseudonymiser customers(test_key(), "customer");
  EXPECT_EQ(customers.of_text(""), "");
  EXPECT_EQ(customers.of_text(" \t"), "");
}

TEST(Pseudonymiser, NeedsADomain) { EXPECT_THROW(Pseudonymiser(test_key(), ""), core::Error); }

TEST(Pseudonymiser, GivesTheSameOnEveryThread) {
  const PseudonymKey key = test_key();
  std::vector<std::vector<std::string>> results(4);
  std::vector<std::thread> threads;
  for (std::vector<std::string>& result : results) {
    threads.emplace_back([&key, &result] {
      Pseudonymiser customers(key, "customer");
      for (int64_t i = 0; i < 2000; ++i) result.emplace_back(customers.of_integer(i));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<std::string>& result : results) EXPECT_EQ(result, results[0]);
}

TEST(PseudonymKey, TellsKeysApartWithoutRevealingThem) {
  EXPECT_EQ(test_key().id(), test_key().id());
  EXPECT_NE(test_key().id(), test_key(1).id());
  EXPECT_EQ(test_key().id().size(), 16u);
}

TEST(PseudonymKey, RefusesAShortKey) {
  try {
    PseudonymKey key{core::Secret(std::size_t{31})};
    FAIL() << "31 bytes were taken for a key";
  } catch (const core::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("31 bytes"));
  }
}

TEST(CanonicalId, ChangesNothingButWhiteSpaceAndDotZero) {
  EXPECT_EQ(canonical_id(" a b "), "a b");
  EXPECT_EQ(canonical_id("17850.0"), "17850");
  EXPECT_EQ(canonical_id("-3.000"), "-3");
  for (const char* text : {"0", "100", "1.5", "1.50", "v1.0", ".0", "-.0", "1.0.0", "1e5", "00", "C1.0", "١.0"})
    EXPECT_EQ(canonical_id(text), text);
}

}  // namespace
}  // namespace cohort::datasets
