#include "trainer/drill.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cohort::trainer {
namespace {

std::string mistake(const std::string& text) {
  try {
    parse_drill(text);
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    return error.what();
  }
  return "none";
}

TEST(Drill, OrdersAreSeparatedBySemicolons) {
  const std::vector<DrillOrder> orders = parse_drill("fault=kill rank=1 step=50; fault=slow-reader  step=7 rank=0 seconds=0.25 attempt=0;");
  ASSERT_EQ(orders.size(), 2U);
  EXPECT_EQ(orders[0].fault, Fault::kKill);
  EXPECT_EQ(orders[0].rank, 1);
  EXPECT_EQ(orders[0].step, 50U);
  EXPECT_EQ(orders[0].attempt, 1);
  EXPECT_EQ(orders[1].fault, Fault::kSlowReader);
  EXPECT_EQ(orders[1].seconds, 0.25);
  EXPECT_EQ(orders[1].attempt, 0);
}

TEST(Drill, NothingIsNoOrder) {
  EXPECT_TRUE(parse_drill("").empty());
  EXPECT_TRUE(parse_drill(" ; ").empty());
}

TEST(Drill, MistakesHaveTheirPlace) {
  EXPECT_THAT(mistake("fault=kil rank=1 step=5"), testing::StartsWith("COHORT_DRILL:1:7: error: there is no fault \"kil\"; did you mean \"kill\"?"));
  EXPECT_THAT(mistake("fault=kill rank=1 step=5; fault=exit rank=x step=5"), testing::StartsWith("COHORT_DRILL:1:43: error: rank = \"x\""));
  EXPECT_THAT(mistake("fault=kill rank=-1 step=5"), testing::StartsWith("COHORT_DRILL:1:17: error: "));
  EXPECT_THAT(mistake("fault=kill rank=1"), testing::StartsWith("COHORT_DRILL:1:1: error: an order without step"));
  EXPECT_THAT(mistake("rank=1 step=1"), testing::HasSubstr("an order without fault"));
  EXPECT_THAT(mistake("fault=kill rank=1 step=5 rank=2"), testing::HasSubstr("1:26: error: rank stands twice"));
  EXPECT_THAT(mistake("fault=kill now"), testing::HasSubstr("1:12: error: \"now\" is no key=value"));
  EXPECT_THAT(mistake("fault=sleep rank=0 step=1 seconds=nan"), testing::HasSubstr("is no number"));
  EXPECT_EQ(mistake("fault=die-at-start rank=1"), "none");
}

TEST(Drill, AnOrderIsDueOnceOnItsRankInItsStepAndAttempt) {
  const std::vector<DrillOrder> orders = parse_drill("fault=nan rank=1 step=5; fault=nan rank=1 step=5 attempt=2");
  Drill there(orders, 1), elsewhere(orders, 0);
  EXPECT_FALSE(there.due(Fault::kNan, 4));
  EXPECT_FALSE(there.due(Fault::kKill, 5));
  EXPECT_FALSE(elsewhere.due(Fault::kNan, 5));
  EXPECT_TRUE(there.due(Fault::kNan, 5));
  EXPECT_FALSE(there.due(Fault::kNan, 5)) << "taken again after a roll-back the step goes well";
  there.set_attempt(2);
  EXPECT_TRUE(there.due(Fault::kNan, 5));
}

TEST(Drill, MemoryIsTakenUpToItsEnd) {
  const std::unique_ptr<core::Communicator> comm = core::make_self_communicator();
  Drill drill(parse_drill("fault=oom rank=0 step=3 mib=4"), 0);
  drill.before_step(2, 0, *comm);
  EXPECT_THROW(drill.before_step(3, 0, *comm), std::bad_alloc);
}

}  // namespace
}  // namespace cohort::trainer
