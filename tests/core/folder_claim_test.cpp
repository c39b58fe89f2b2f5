#include "core/folder_claim.h"

#include <cstdlib>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace cohort::core {
namespace {

namespace fs = std::filesystem;

class FolderClaims : public testing::Test {
 protected:
  FolderClaims() {
    std::string pattern = (fs::temp_directory_path() / "cohort-claim-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~FolderClaims() override { fs::remove_all(folder_); }
  fs::path make(const std::string& name) const {
    fs::create_directories(folder_ / name / "sub");
    std::ofstream(folder_ / name / "sub" / "rows") << "half";
    return folder_ / name;
  }
  fs::path folder_;
};

TEST_F(FolderClaims, AFolderThatNobodyClaimsIsRemoved) {
  const fs::path dead = make(".tmp-target-123-0"), other = make(".tmp-target-2-123-0"), named = make(".tmp-target-x-1"), whole = make("target");
  std::ofstream(folder_ / ".tmp-target-5-1") << "no folder";
  remove_abandoned(folder_ / "target" / "");
  EXPECT_FALSE(fs::exists(dead));
  EXPECT_TRUE(fs::exists(other)) << "that of target-2";
  EXPECT_TRUE(fs::exists(named));
  EXPECT_TRUE(fs::exists(whole));
  EXPECT_TRUE(fs::exists(folder_ / ".tmp-target-5-1"));
}

TEST_F(FolderClaims, AFolderStaysAsLongAsOneOfItsProcessesLives) {
  const fs::path left = make(".tmp-target-1-1");
  FolderClaim one, two;
  EXPECT_TRUE(one.claim(left));
  EXPECT_TRUE(two.claim(left));
  one.release();
  remove_abandoned(folder_ / "target");
  EXPECT_TRUE(fs::exists(left / "sub" / "rows"));
  FolderClaim moved = std::move(two);
  remove_abandoned(folder_ / "target");
  EXPECT_TRUE(fs::exists(left / "sub" / "rows"));
  moved.release();
  remove_abandoned(folder_ / "target");
  EXPECT_FALSE(fs::exists(left));
  EXPECT_FALSE(one.claim(left)) << "it is gone";
}

TEST_F(FolderClaims, AFolderIsClaimedUnderItsNewName) {
  const fs::path left = make(".tmp-target-1-1");
  FolderClaim claim;
  EXPECT_TRUE(claim.claim(left));
  fs::rename(left, folder_ / ".tmp-target-7-7");
  remove_abandoned(folder_ / "target");
  EXPECT_TRUE(fs::exists(folder_ / ".tmp-target-7-7"));
}

}  // namespace
}  // namespace cohort::core
