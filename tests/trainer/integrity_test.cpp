#include "trainer/integrity.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/error.h"
#include "tests/support/thread_communicator.h"

namespace cohort::trainer {
namespace {

/// What the ranks are told when rank `odd` has another copy; "" when nothing.
std::string replica_message(int ranks, const std::vector<int>& odd, int owner) {
  try {
    tests::run_ranks(ranks, [&](core::Communicator& comm) {
      std::vector<float> same(100, 1.0F), copy(1000, 0.5F);
      for (const int r : odd)
        if (comm.rank() == r) copy[777] += 0.25F * static_cast<float>(r + 1);
      compare_replicas(comm, {{"same", same.data(), 100, 0}, {"copy", copy.data(), 1000, owner}}, 8);
    });
  } catch (const core::Error& error) {
    EXPECT_TRUE(error.everywhere());
    EXPECT_EQ(error.exit(), core::Exit::kFailed);
    return error.message();
  }
  return "";
}

TEST(Replicas, AreWellWhereTheyAreEqual) {
  for (const int ranks : {1, 2, 4}) EXPECT_EQ(replica_message(ranks, {}, 0), "");
}

TEST(Replicas, NameTheOneThatMostContradict) {
  for (const int owner : {-1, 0, 1})
    for (const int odd : {0, 1, 2}) EXPECT_EQ(replica_message(3, {odd}, owner), "after step 8 the copy of 'copy' on rank " + std::to_string(odd) + " differs from the others'");
  EXPECT_EQ(replica_message(5, {1, 3}, -1), "after step 8 the copy of 'copy' on rank 1, 3 differs from the others'");
}

TEST(Replicas, SayWhereItCannotBeToldWhichIsRight) {
  EXPECT_EQ(replica_message(2, {1}, -1), "after step 8 the ranks' copies of 'copy' differ; which of them is right can't be told");
  EXPECT_EQ(replica_message(2, {0}, 0), "after step 8 the copy of 'copy' on rank 1 differs from that of rank 0, which it is made from; which of them is right can't be told");
  EXPECT_EQ(replica_message(4, {0, 1, 2, 3}, -1), "after step 8 the ranks' copies of 'copy' differ; which of them is right can't be told");
}

class Seal : public testing::Test {
 protected:
  /// Two tensors: one whole, one as columns 2 to 5 of rows that are 8 long.
  std::vector<Piece> pieces() {
    return {{.tensor = {"plain", {100}, 1}, .where = {0, 100, 0, 1}, .data = plain_.data(), .stride = 1, .newer = {}, .owner = {}},
            {.tensor = {"table", {50, 8}, 8}, .where = {0, 50, 2, 3}, .data = table_.data() + 2, .stride = 8, .newer = {}, .owner = {}}};
  }
  std::vector<float> plain_ = std::vector<float>(100, 1.0F), table_ = std::vector<float>(400, 2.0F);
};

TEST_F(Seal, FindsAValueThatChanged) {
  MemorySeal seal(pieces());
  seal.seal();
  table_[8 * 20 + 4] += 1.0F;
  try {
    seal.compare();
    FAIL() << "nothing was found";
  } catch (const core::Error& error) {
    EXPECT_NE(error.message().find("'table' changed in memory between two updates"), std::string::npos) << error.message();
    EXPECT_FALSE(error.everywhere());
  }
}

TEST_F(Seal, PassesOverWhatIsNotItsOwn) {
  MemorySeal seal(pieces());
  seal.seal();
  table_[8 * 20 + 5] += 1.0F;
  EXPECT_NO_THROW(seal.compare());
}

TEST_F(Seal, StaysWhereItIsOnlyLookedAt) {
  MemorySeal seal(pieces());
  seal.seal();
  EXPECT_NO_THROW(seal.look());
  plain_[3] = 7.0F;
  EXPECT_THROW(seal.look(), core::Error);
  EXPECT_THROW(seal.compare(), core::Error);
}

TEST_F(Seal, LooksNoFurtherThanTheNextUpdate) {
  MemorySeal seal(pieces());
  seal.seal();
  seal.compare();
  plain_[3] = 7.0F;
  EXPECT_NO_THROW(seal.compare());
  seal.seal();
  plain_[3] = 8.0F;
  seal.forget();
  EXPECT_NO_THROW(seal.compare());
  seal.seal();
  plain_[3] = 9.0F;
  EXPECT_THROW(seal.compare(), core::Error);
}

}  // namespace
}  // namespace cohort::trainer
