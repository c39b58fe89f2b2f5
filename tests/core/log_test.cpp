#include "core/log.h"

#include <unistd.h>

#include <filesystem>

#include <gmock/gmock.h>

#include "core/durable_file.h"
#include "core/error.h"
#include "core/progress.h"

namespace cohort::core {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

/// What `work` writes to stderr.
template <class F>
std::string stderr_of(F&& work) {
  testing::internal::CaptureStderr();
  work();
  spdlog::default_logger()->flush();
  return testing::internal::GetCapturedStderr();
}

TEST(Log, PrintsTimeLevelAndMessageToStderr) {
  const std::string text = stderr_of([] {
    set_up_log({});
    spdlog::info("hello {}", 3);
    spdlog::debug("unseen");
  });
  EXPECT_THAT(text, MatchesRegex("[0-9][0-9]:[0-9][0-9]:[0-9][0-9] info hello 3\n"));
}

TEST(Log, QuietAndOtherRanksLetOnlyWarningsThrough) {
  for (const bool quiet : {true, false}) {
    const std::string text = stderr_of([quiet] {
      set_up_log({.quiet = quiet, .rank = quiet ? 0 : 3});
      spdlog::info("unseen");
      spdlog::warn("seen");
    });
    EXPECT_THAT(text, AllOf(HasSubstr(quiet ? "warning seen" : "warning rank 3: seen"), Not(HasSubstr("unseen"))));
    EXPECT_FALSE(progress_enabled());
  }
}

TEST(Log, FileTakesWhatTheScreenDoesNotShow) {
  const std::string path = (std::filesystem::temp_directory_path() / ("cohort-log-" + std::to_string(::getpid()))).string();
  const std::string text = stderr_of([&path] {
    set_up_log({.level = "error"});
    add_log_file(path);
    spdlog::debug("in the file");
  });
  EXPECT_EQ(text, "");
  EXPECT_THAT(read_file(path), HasSubstr("debug in the file\n"));
  set_up_log({});
  std::filesystem::remove(path);
}

TEST(Log, NamesAnUnknownLevelAndAFileThatCannotBeOpened) {
  try {
    set_up_log({.level = "inof"});
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit(), Exit::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("there is no log level \"inof\"; did you mean \"info\"?"));
  }
  try {
    add_log_file("/dev/null/no/such/file");
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit(), Exit::kFailed);
  }
}

TEST(Progress, EndsWithOneLineWhereThereIsNoTerminal) {
  const std::string text = stderr_of([] {
    set_up_log({});
    Progress progress("import", 1234567, "rows");
    for (uint64_t i = 0; i < 1000; ++i) progress.update(i);
    progress.update(1234567);
    progress.finish("done");
  });
  EXPECT_THAT(text, MatchesRegex("[0-9:]+ info import  100%  1,234,567/1,234,567 rows  [0-9,]+ rows/s  in 0:00  done\n"));
}

TEST(Progress, IsSilentWhereLogIsQuiet) {
  const std::string text = stderr_of([] {
    set_up_log({.quiet = true});
    Progress progress("import", 0, "rows");
    progress.update(5);
    progress.finish();
  });
  EXPECT_EQ(text, "");
  set_up_log({});
}

}  // namespace
}  // namespace cohort::core
