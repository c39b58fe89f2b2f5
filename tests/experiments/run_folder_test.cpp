#include "experiments/run_folder.h"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <thread>

#include <gtest/gtest.h>

#include "core/error.h"

namespace cohort::experiments {
namespace {
namespace fs = std::filesystem;

class FolderLockTest : public testing::Test {
 protected:
  FolderLockTest() {
    std::string name = (fs::temp_directory_path() / "cohort-lock-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = name;
  }
  ~FolderLockTest() override {
    ::unsetenv("COHORT_ATTEMPT");
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  fs::path folder_;
};

TEST_F(FolderLockTest, RefusesAFolderInUseAtOnce) {
  const FolderLock held(folder_);
  for (const char* attempt : {"", "1"}) {
    ::setenv("COHORT_ATTEMPT", attempt, 1);
    const auto begin = std::chrono::steady_clock::now();
    try {
      const FolderLock second(folder_);
      ADD_FAILURE() << "was given twice";
    } catch (const core::Error& error) {
      EXPECT_EQ(error.exit(), core::Exit::kUsage);
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  }
}

TEST_F(FolderLockTest, IsWaitedForInARestart) {
  std::optional<FolderLock> held(std::in_place, folder_);
  ::setenv("COHORT_ATTEMPT", "2", 1);
  std::thread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    held.reset();
  });
  EXPECT_NO_THROW(FolderLock second(folder_));
  other.join();
}

}  // namespace
}  // namespace cohort::experiments
