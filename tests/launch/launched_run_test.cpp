#include "launch/data/launched_run.h"

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/durable_file.h"

namespace cohort::launch {
namespace {
namespace fs = std::filesystem;

class LaunchedRunTest : public testing::Test {
 protected:
  LaunchedRunTest() {
    std::string name = (fs::temp_directory_path() / "cohort-launched-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = name;
    core::write_file_durably(folder_ / "e.toml", "name = \"e\"\n");
  }
  ~LaunchedRunTest() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  std::vector<std::string> words() const { return {"train", (folder_ / "e.toml").string(), "--runs", (folder_ / "runs").string()}; }
  fs::path make(const std::string& name, const std::string& run_json) {
    const fs::path run = folder_ / "runs" / "e" / name;
    fs::create_directories(run);
    core::write_file_durably(run / "run.json", run_json);
    return run;
  }

  fs::path folder_;
};

TEST_F(LaunchedRunTest, IsTheOneThatHasTheToken) {
  LaunchedRun run(words(), "mine");
  EXPECT_EQ(run.folder(), std::nullopt);
  make("20260101-000000-00000003", R"({"launch": "another", "state": "running"})");
  make("20260101-000000-00000004", R"({"state": "running"})");
  make("20260101-000000-00000005", R"({"launch": 5)");
  make("20260101-000000-00000006", R"({"launch": 5})");
  EXPECT_EQ(run.folder(), std::nullopt);
  EXPECT_EQ(run.next_words(), words());
  const fs::path mine = make("20260101-000000-00000001", R"({"launch": "mine", "state": "failed"})");
  EXPECT_EQ(run.folder(), mine);
  EXPECT_EQ(run.state(), "failed");
  EXPECT_THAT(run.next_words(), testing::Contains("--resume=" + mine.string()));
}

TEST_F(LaunchedRunTest, ThatIsResumedHasTheTokenOnceTheAttemptTookItUp) {
  const fs::path before = make("20260101-000000-00000001", R"({"launch": "earlier"})");
  auto resuming = words();
  resuming.push_back("--resume");
  LaunchedRun run(resuming, "mine");
  EXPECT_EQ(run.folder(), std::nullopt);
  make(before.filename().string(), R"({"launch": "mine"})");
  EXPECT_EQ(run.folder(), before);
}

}  // namespace
}  // namespace cohort::launch
