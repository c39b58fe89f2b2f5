#include "core/durable_file.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>

#include "core/error.h"

namespace cohort::core {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class DurableFile : public testing::Test {
 protected:
  DurableFile() : folder_(fs::temp_directory_path() / ("cohort-durable-" + std::to_string(::getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~DurableFile() override { fs::remove_all(folder_); }

  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder_)) found.push_back(entry.path().filename().string());
    std::sort(found.begin(), found.end());
    return found;
  }
  /// The error that `work` throws.
  template <class F>
  static Error error_of(F&& work) {
    try {
      work();
    } catch (const Error& error) {
      return error;
    }
    return failed_error("nothing was thrown");
  }

  const fs::path folder_;
};

TEST_F(DurableFile, IsReadBackEqualAndLeavesNothingBeside) {
  const std::string bytes("a\0b\xFF\n", 5);
  write_file_durably(folder_ / "x", bytes);
  EXPECT_EQ(read_file(folder_ / "x"), bytes);
  write_file_durably(folder_ / "x", "");
  EXPECT_EQ(read_file(folder_ / "x"), "");
  EXPECT_THAT(names(), ElementsAre("x"));
}

TEST_F(DurableFile, LargerThanOneReadIsReadWhole) {
  const std::string bytes(3'000'001, 'z');
  write_file_durably(folder_ / "x", bytes);
  EXPECT_EQ(read_file(folder_ / "x"), bytes);
  EXPECT_FALSE(read_file("/proc/self/status").empty()) << "a file that states no size";
}

TEST_F(DurableFile, FollowsALinkInsteadOfReplacingIt) {
  write_file_durably(folder_ / "target", "old");
  fs::create_symlink("target", folder_ / "link");
  write_file_durably(folder_ / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_EQ(read_file(folder_ / "target"), "new");
}

TEST_F(DurableFile, ReportsAFullDeviceAndDoesNotReplaceIt) {
  if (!fs::is_character_file("/dev/full")) GTEST_SKIP() << "there is no /dev/full here";
  const Error error = error_of([] { write_file_durably("/dev/full", "x"); });
  EXPECT_EQ(error.exit(), Exit::kFailed);
  EXPECT_THAT(error.what(), HasSubstr("cannot write /dev/full: No space left on device"));
  EXPECT_THAT(error.remedy(), HasSubstr("free space"));
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

TEST_F(DurableFile, KeepsTheOldFileWhereTheNewOneDoesNotFit) {
  write_file_durably(folder_ / "x", "old");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit tight = before;
  tight.rlim_cur = 1000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  const Error error = error_of([&] { write_file_durably(folder_ / "x", std::string(5000, 'n')); });
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(error.what(), HasSubstr("File too large"));
  EXPECT_EQ(read_file(folder_ / "x"), "old");
  EXPECT_THAT(names(), ElementsAre("x"));
}

TEST_F(DurableFile, MayHaveItsFolderRenamedAsSoonAsItIsSeen) {
  // As the rank that commits a checkpoint does when the last rank's index has come.
  for (int i = 0; i < 300; ++i) {
    const fs::path staged = folder_ / ("staged-" + std::to_string(i));
    fs::create_directory(staged);
    std::jthread other([&] {
      while (!fs::exists(staged / "index")) {
      }
      fs::rename(staged, folder_ / ("committed-" + std::to_string(i)));
    });
    write_file_durably(staged / "index", "whole");
  }
  for (int i = 0; i < 300; ++i) EXPECT_EQ(read_file(folder_ / ("committed-" + std::to_string(i)) / "index"), "whole");
}

TEST_F(DurableFile, ThatIsAbsentIsTheUsersMistake) {
  const Error error = error_of([&] { read_file(folder_ / "nothing"); });
  EXPECT_EQ(error.exit(), Exit::kUsage);
  EXPECT_THAT(error.what(), HasSubstr("there is no file " + (folder_ / "nothing").string()));
  EXPECT_EQ(error_of([&] { read_file(folder_); }).exit(), Exit::kUsage);
  EXPECT_EQ(error_of([&] { write_file_durably(folder_ / "no" / "x", "1"); }).exit(), Exit::kFailed);
  EXPECT_EQ(error_of([&] { write_file_durably(folder_, "1"); }).exit(), Exit::kFailed);
}

TEST_F(DurableFile, WithoutRightsIsRefusedWithARemedy) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write anywhere";
  fs::permissions(folder_, fs::perms::owner_read | fs::perms::owner_exec);
  const Error error = error_of([&] { write_file_durably(folder_ / "x", "1"); });
  fs::permissions(folder_, fs::perms::owner_all);
  EXPECT_THAT(error.remedy(), HasSubstr("permissions"));
}

TEST_F(DurableFile, StagedFolderAppearsWholeAtCommit) {
  {
    StagedFolder staged(folder_ / "deep" / "er" / "target");
    std::ofstream(staged.path() / "a") << "1";
    fs::create_directory(staged.path() / "sub");
    std::ofstream(staged.path() / "sub" / "b") << "2";
    EXPECT_FALSE(fs::exists(folder_ / "deep" / "er" / "target"));
    staged.commit();
  }
  EXPECT_EQ(read_file(folder_ / "deep" / "er" / "target" / "sub" / "b"), "2");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "deep" / "er"), fs::directory_iterator()), 1);
}

TEST_F(DurableFile, StagedFolderVanishesWithoutCommit) {
  try {
    StagedFolder staged(folder_ / "target");
    std::ofstream(staged.path() / "a") << "1";
    throw failed_error("midway");
  } catch (const Error&) {
  }
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(DurableFile, StagedFolderNeverReplacesWhatIsThere) {
  fs::create_directory(folder_ / "target");
  EXPECT_EQ(error_of([&] { StagedFolder staged(folder_ / "target"); }).exit(), Exit::kUsage);
  EXPECT_EQ(error_of([&] { StagedFolder staged(folder_ / "target" / ""); }).exit(), Exit::kUsage) << "with a slash at the end";
  EXPECT_THAT(names(), ElementsAre("target"));
}

TEST_F(DurableFile, StagedFolderLosesTheRaceToAnEarlierOne) {
  StagedFolder first(folder_ / "target");
  StagedFolder second(folder_ / "target");
  EXPECT_NE(first.path(), second.path());
  std::ofstream(first.path() / "a") << "1";
  first.commit();
  const Error error = error_of([&] { second.commit(); });
  EXPECT_EQ(error.exit(), Exit::kUsage);
  EXPECT_EQ(read_file(folder_ / "target" / "a"), "1");
}

TEST_F(DurableFile, StagedFolderDoesNotEvenReplaceAnEmptyFolder) {
  StagedFolder staged(folder_ / "target");
  fs::create_directory(folder_ / "target");
  EXPECT_EQ(error_of([&] { staged.commit(); }).exit(), Exit::kUsage);
}

TEST_F(DurableFile, ReleasedStagedFolderIsLeftForAnotherToCommit) {
  fs::path left;
  {
    StagedFolder staged(folder_ / "target");
    left = staged.path();
    staged.release();
  }
  EXPECT_TRUE(fs::exists(left));
}

TEST_F(DurableFile, Sha256IsThatOfTheStandard) {
  // FIPS 180-4, examples of the NIST.
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 parts;
  const std::string million(1000, 'a');
  for (int i = 0; i < 1000; ++i) parts.update(million.data(), million.size());
  const std::string hash = parts.hex();
  EXPECT_EQ(hash, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  write_file_durably(folder_ / "million", std::string(1'000'000, 'a'));
  EXPECT_EQ(sha256_file(folder_ / "million"), hash);
  EXPECT_EQ(error_of([&] { sha256_file(folder_ / "nothing"); }).exit(), Exit::kUsage);
  EXPECT_EQ(error_of([&] { sha256_file(folder_); }).exit(), Exit::kFailed);
}

}  // namespace
}  // namespace cohort::core
