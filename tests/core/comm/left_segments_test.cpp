#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "core/comm/left_segments.h"

namespace cohort::core {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class LeftSegments : public testing::Test {
 protected:
  LeftSegments() {
    std::string name = (fs::temp_directory_path() / "cohort-segments-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    std::array<char, 256> machine{};
    gethostname(machine.data(), machine.size() - 1);
    prefix_ = std::string("vader_segment.") + machine.data() + ".0.";
  }
  ~LeftSegments() override { fs::remove_all(folder_); }

  fs::path make(const std::string& name, std::chrono::seconds age = 1h) {
    const fs::path file = folder_ / name;
    std::ofstream(file) << std::string(4096, 'x');
    fs::last_write_time(file, fs::file_time_type::clock::now() - age);
    return file;
  }

  fs::path folder_;
  std::string prefix_;
};

TEST_F(LeftSegments, AreRemovedWhenNobodyUsesThem) {
  const fs::path left = make(prefix_ + "17.0"), young = make(prefix_ + "17.1", 1s);
  const fs::path other_machine = make("vader_segment.elsewhere.0.17.0"), other = make("data");
  EXPECT_EQ(remove_left_segments(folder_), 1);
  EXPECT_FALSE(fs::exists(left));
  EXPECT_TRUE(fs::exists(young) && fs::exists(other_machine) && fs::exists(other));
}

TEST_F(LeftSegments, StayWhileAProcessHasThemOpenOrMapped) {
  const fs::path open_file = make(prefix_ + "1.0"), mapped_file = make(prefix_ + "2.0");
  const int opened = open(open_file.c_str(), O_RDWR);
  const int mapped = open(mapped_file.c_str(), O_RDWR);
  void* memory = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, mapped, 0);
  ASSERT_NE(memory, MAP_FAILED);
  close(mapped);
  EXPECT_EQ(remove_left_segments(folder_), 0);
  EXPECT_TRUE(fs::exists(open_file) && fs::exists(mapped_file));
  close(opened);
  munmap(memory, 4096);
  EXPECT_EQ(remove_left_segments(folder_), 2);
}

TEST_F(LeftSegments, OfAFolderThatIsMissingAreNone) { EXPECT_EQ(remove_left_segments(folder_ / "none"), 0); }

}  // namespace
}  // namespace cohort::core
