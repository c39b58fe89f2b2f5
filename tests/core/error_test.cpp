#include "core/error.h"

#include <cerrno>

#include <gmock/gmock.h>

namespace cohort::core {
namespace {

using testing::HasSubstr;

TEST(Error, PrintsPlaceMessageContextsFromTheInsideOutAndRemedy) {
  Error error = usage_error("there is no column \"agee\"", "name another one");
  error.at({"a.toml", 3, 7}).within("while reading features").within("while training").on_rank(2);
  EXPECT_STREQ(error.what(),
               "rank 2: a.toml:3:7: error: there is no column \"agee\"\n"
               "  while reading features\n"
               "  while training\n"
               "  remedy: name another one");
}

TEST(Error, PrintsAsMuchOfThePlaceAsIsKnown) {
  EXPECT_EQ((Place{"a.toml", 3, 7}).str(), "a.toml:3:7");
  EXPECT_EQ((Place{"a.toml", 3, 0}).str(), "a.toml:3");
  EXPECT_EQ((Place{"a.toml", 0, 0}).str(), "a.toml");
  EXPECT_STREQ(failed_error("it broke").what(), "error: it broke");
}

TEST(Error, KeepsTheInnermostPlace) {
  Error error = usage_error("no");
  error.at({"inner", 1, 1}).at({"outer", 2, 2});
  EXPECT_EQ(error.place().file, "inner");
}

TEST(Error, PrintsAReportAsItIs) {
  EXPECT_STREQ(Error::report(Exit::kUsage, "a:1:1: error: x\nb:2:2: error: y").what(), "a:1:1: error: x\nb:2:2: error: y");
}

TEST(Error, HasTheExitStatusOfItsKind) {
  EXPECT_EQ(static_cast<int>(usage_error("").exit()), 2);
  EXPECT_EQ(static_cast<int>(damaged_error("").exit()), 3);
  EXPECT_EQ(static_cast<int>(failed_error("").exit()), 1);
}

TEST(Error, TravelsToOtherRanksWhole) {
  Error error = damaged_error(std::string("odd bytes: \0 : 12:\xFF\n", 20), "mend it");
  error.at({"shard.h5", 4, 5}).within("one:").within("").on_rank(3).known_everywhere();
  const Error copy = Error::deserialize(error.serialize());
  EXPECT_EQ(copy.message(), error.message());
  EXPECT_STREQ(copy.what(), error.what());
  EXPECT_EQ(copy.exit(), Exit::kDamaged);
  EXPECT_EQ(copy.remedy(), "mend it");
  EXPECT_EQ(copy.place().str(), "shard.h5:4:5");
  EXPECT_EQ(copy.rank(), 3);
  EXPECT_TRUE(copy.everywhere());
  const Error report = Error::deserialize(Error::report(Exit::kUsage, "as it is").serialize());
  EXPECT_STREQ(report.what(), "as it is");
}

TEST(Error, ThatArrivesTornIsStillAnError) {
  const std::string whole = usage_error("a message", "a remedy").serialize();
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_THAT(Error::deserialize(whole.substr(0, size)).what(), HasSubstr("error: ")) << size;
  EXPECT_EQ(Error::deserialize("99999999999999999999:x").exit(), Exit::kFailed);
}

TEST(SystemError, NamesCauseAndRemedy) {
  const Error full = system_error("cannot write a.h5", ENOSPC);
  EXPECT_STREQ(full.what(),
               "error: cannot write a.h5: No space left on device\n  remedy: free space on this disk, or write to another one");
  EXPECT_EQ(full.exit(), Exit::kFailed);
  EXPECT_THAT(system_error("x", EROFS).remedy(), HasSubstr("read-only"));
  EXPECT_THAT(system_error("x", EACCES).remedy(), HasSubstr("permissions"));
  EXPECT_EQ(system_error("x", EDOM).remedy(), "");
}

}  // namespace
}  // namespace cohort::core
