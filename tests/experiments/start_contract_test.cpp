#include "experiments/start_contract.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cohort::experiments {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(StartContract, EqualFactsAreNoDisagreement) {
  const Disagreement found = compare_facts({{{"a", "1"}}, {{"a", "1"}}});
  EXPECT_THAT(found.odd, IsEmpty());
  EXPECT_THAT(found.lines, IsEmpty());
}

TEST(StartContract, TheFewAreTheOddOnes) {
  const Disagreement found = compare_facts({{{"a", "1"}, {"b", "x"}}, {{"a", "2"}, {"b", "x"}}, {{"a", "2"}, {"b", "x"}}});
  EXPECT_THAT(found.odd, ElementsAre(0));
  EXPECT_THAT(found.lines, ElementsAre("a: 1 on rank 0, 2 on ranks 1 and 2"));
}

TEST(StartContract, OfEquallyManyTheLowestRankIsRight) {
  EXPECT_THAT(compare_facts({{{"a", "1"}}, {{"a", "2"}}}).odd, ElementsAre(1));
  EXPECT_THAT(compare_facts({{{"a", "3"}}, {{"a", "2"}}, {{"a", "1"}}}).odd, ElementsAre(1, 2));
}

TEST(StartContract, WhatOneRankLacksIsTold) {
  const Disagreement found = compare_facts({{{"a", "1"}}, {{"a", "1"}, {"b", ""}}, {{"a", "1"}}});
  EXPECT_THAT(found.odd, ElementsAre(1));
  EXPECT_THAT(found.lines, ElementsAre("b: nothing on ranks 0 and 2, \"\" on rank 1"));
}

TEST(StartContract, RanksAreListedAsPeopleDo) {
  EXPECT_EQ(rank_list({3}), "rank 3");
  EXPECT_EQ(rank_list({0, 1}), "ranks 0 and 1");
  EXPECT_EQ(rank_list({0, 1, 2, 3}), "ranks 0 to 3");
  EXPECT_EQ(rank_list({0, 1, 2, 5, 7, 8}), "ranks 0 to 2, 5, 7 and 8");
}

TEST(StartContract, ADocumentsLeavesHaveDottedPaths) {
  const auto document = nlohmann::ordered_json::parse(R"({"train": {"lanes": 4}, "features": {"dense": [{"columns": ["x", "y"]}, {"columns": []}]}, "name": "n"})");
  EXPECT_THAT(facts_of(document), ElementsAre(std::pair<std::string, std::string>("train.lanes", "4"),
                                              std::pair<std::string, std::string>("features.dense[0].columns", R"(["x","y"])"),
                                              std::pair<std::string, std::string>("features.dense[1].columns", "[]"),
                                              std::pair<std::string, std::string>("name", "\"n\"")));
}

}  // namespace
}  // namespace cohort::experiments
