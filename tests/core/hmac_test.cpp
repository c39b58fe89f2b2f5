#include "core/hmac.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace cohort::core {
namespace {

std::string hex(const HmacSha256::Digest& digest) {
  std::string text;
  for (const unsigned char byte : digest) text += fmt::format("{:02x}", byte);
  return text;
}

struct Vector {
  std::vector<unsigned char> key;
  std::string message, digest;
};

std::vector<unsigned char> bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

std::vector<unsigned char> ascending(unsigned char first, unsigned char last) {
  std::vector<unsigned char> bytes;
  for (int value = first; value <= last; ++value) bytes.push_back(static_cast<unsigned char>(value));
  return bytes;
}

// RFC 4231, § 4.2 to 4.5, 4.7, 4.8.
const std::vector<Vector> kRfc4231{
    {std::vector<unsigned char>(20, 0x0b), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {bytes_of("Jefe"), "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {std::vector<unsigned char>(20, 0xaa), std::string(50, '\xdd'), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
    {ascending(0x01, 0x19), std::string(50, '\xcd'), "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
    {std::vector<unsigned char>(131, 0xaa), "Test Using Larger Than Block-Size Key - Hash Key First",
     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    {std::vector<unsigned char>(131, 0xaa),
     "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by "
     "the "
     "HMAC algorithm.",
     "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
};

TEST(HmacSha256, GivesTheDigestsOfRfc4231) {
  for (const Vector& vector : kRfc4231) EXPECT_EQ(hex(HmacSha256(vector.key).of(vector.message)), vector.digest) << vector.message;
}

TEST(HmacSha256, StartsOverWithEachMessage) {
  const Vector& vector = kRfc4231[1];
  HmacSha256 hmac(vector.key);
  hmac.of("another message");
  EXPECT_EQ(hex(hmac.of(vector.message)), vector.digest);
  EXPECT_EQ(hex(hmac.of(vector.message)), vector.digest);
}

TEST(HmacSha256, TakesAnEmptyKeyAndMessage) {
  EXPECT_EQ(hex(HmacSha256({}).of("")), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Wipe, LeavesZeros) {
  std::vector<unsigned char> bytes(100, 7);
  wipe(bytes);
  EXPECT_EQ(bytes, std::vector<unsigned char>(100, 0));
}

TEST(Secret, MovesAndIsNeverTwice) {
  const std::vector<unsigned char> bytes{1, 2, 3};
  Secret first(bytes);
  const unsigned char* place = first.bytes().data();
  Secret second(std::move(first));
  EXPECT_EQ(first.size(), 0u);
  ASSERT_EQ(second.size(), 3u);
  EXPECT_EQ(second.bytes().data(), place);
  EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), second.bytes().begin()));
}

}  // namespace
}  // namespace cohort::core
