#include "datasets/privacy/key_file.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <string>

#include <sys/stat.h>

#include <gmock/gmock.h>

#include "core/error.h"
#include "datasets/privacy/pseudonym.h"
#include "tests/datasets/temporary_folder.h"

namespace cohort::datasets {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::string kHexKey = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const std::string kBase64Key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

std::string raw_key() {
  std::string bytes(32, '\0');
  std::iota(bytes.begin(), bytes.end(), '\0');
  return bytes;
}

class KeyFile : public testing::Test {
 protected:
  std::filesystem::path write(const std::string& content, mode_t mode = 0600) {
    const std::filesystem::path path = folder_.write("key", content);
    if (::chmod(path.c_str(), mode) != 0) throw std::runtime_error("chmod failed");
    return path;
  }
  /// The message with which this content is refused.
  std::string refusal(const std::string& content, mode_t mode = 0600) {
    const std::filesystem::path path = write(content, mode);
    try {
      read_key_file(path);
    } catch (const core::Error& error) {
      EXPECT_EQ(error.exit(), core::Exit::kUsage);
      EXPECT_FALSE(error.remedy().empty());
      return error.what();
    }
    return "not refused";
  }

  TemporaryFolder folder_;
};

TEST_F(KeyFile, MayBeHexBase64OrBytes) {
  const std::string wanted = raw_key();
  std::string upper = kHexKey;
  std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  for (const std::string& content : {wanted, kHexKey, upper, kHexKey + "\n", kBase64Key, kBase64Key + "\r\n",
                                     " " + kBase64Key.substr(0, 20) + "\n" + kBase64Key.substr(20), kBase64Key.substr(0, 43)}) {
    const core::Secret key = read_key_file(write(content));
    ASSERT_EQ(key.size(), 32u) << content;
    EXPECT_TRUE(std::equal(key.bytes().begin(), key.bytes().end(), reinterpret_cast<const unsigned char*>(wanted.data()))) << content;
  }
}

TEST_F(KeyFile, MayBeReachedThroughASymbolicLink) {
  write(kHexKey);
  std::filesystem::create_symlink("key", folder_ / "link");
  EXPECT_EQ(PseudonymKey::load(folder_ / "link").id(), "070a3c8aa0a0652e");
}

TEST_F(KeyFile, IsRefusedWhereOthersHaveRights) {
  for (const mode_t mode : {0644, 0640, 0604, 0620, 0601}) {
    EXPECT_THAT(refusal(kHexKey, mode), AllOf(HasSubstr("others than its owner"), HasSubstr("chmod 600"))) << mode;
  }
  EXPECT_EQ(read_key_file(write(kHexKey, 0400)).size(), 32u);
}

TEST_F(KeyFile, IsRefusedWhereItIsNoKey) {
  EXPECT_THAT(refusal(""), HasSubstr("is empty"));
  EXPECT_THAT(refusal(" \n\n"), HasSubstr("is empty"));
  EXPECT_THAT(refusal(kHexKey.substr(0, 62)), HasSubstr("has 31 bytes"));
  EXPECT_THAT(refusal(kHexKey.substr(0, 63)), HasSubstr("odd number of hex digits"));
  EXPECT_THAT(refusal(kBase64Key.substr(0, 40)), HasSubstr("has 30 bytes"));
  EXPECT_THAT(refusal(raw_key().substr(0, 31)), HasSubstr("has 31 bytes"));
  EXPECT_THAT(refusal("correct horse, battery staple; correct horse!"), HasSubstr("a pass phrase is no key"));
  EXPECT_THAT(refusal(std::string(64, '0')), HasSubstr("not random"));
  EXPECT_THAT(refusal(std::string(64, '\1')), HasSubstr("not random"));
  EXPECT_THAT(refusal(std::string(5000, 'A')), HasSubstr("longer than 4096 bytes"));
}

TEST_F(KeyFile, IsMissedWithTheCommandThatMakesOne) {
  try {
    read_key_file(folder_ / "absent");
    FAIL() << "no error";
  } catch (const core::Error& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("there is no key file"), HasSubstr("head -c 32 /dev/urandom | base64 >"), HasSubstr("chmod 600")));
  }
}

TEST_F(KeyFile, IsAPlainFile) {
  EXPECT_THROW(read_key_file(folder_.path()), core::Error);
  const std::filesystem::path pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THROW(read_key_file(pipe), core::Error);  // and doesn't wait for a writer
}

TEST_F(KeyFile, IsNeverShown) {
  const std::string secret = kHexKey.substr(0, 40);
  for (const std::string& message : {refusal(secret), refusal(kHexKey, 0644), refusal(secret + "!"), refusal(secret + "0")}) {
    EXPECT_THAT(message, AllOf(Not(HasSubstr(secret.substr(0, 8))), HasSubstr("key")));
  }
}

}  // namespace
}  // namespace cohort::datasets
