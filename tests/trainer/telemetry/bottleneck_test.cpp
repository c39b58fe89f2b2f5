#include "trainer/telemetry/bottleneck.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace cohort::trainer {
namespace {

using core::Phase;

RankTime rank_time(std::initializer_list<std::pair<Phase, double>> seconds) {
  RankTime time;
  for (const auto& [phase, s] : seconds) {
    time.phases[static_cast<std::size_t>(phase)] = s;
    time.wall += s;
  }
  return time;
}

TEST(Bottleneck, OfNoStepsIsNone) {
  EXPECT_EQ(find_bottleneck({}).kind, BottleneckKind::kNone);
  EXPECT_EQ(find_bottleneck({.steps = 0, .ranks = {RankTime{}}}).kind, BottleneckKind::kNone);
}

TEST(Bottleneck, IsComputingWhereNothingElseWouldGainATenth) {
  const TimeAttribution times{.steps = 10, .ranks = {rank_time({{Phase::kForward, 4}, {Phase::kBackward, 5}, {Phase::kDataWait, 0.5}, {Phase::kCommunication, 0.5}})}};
  const Bottleneck found = find_bottleneck(times);
  EXPECT_EQ(found.kind, BottleneckKind::kComputing);
  EXPECT_EQ(found.rank, -1);
  EXPECT_DOUBLE_EQ(found.share, 0.9);
  EXPECT_NE(found.sentence.find("backward"), std::string::npos) << found.sentence;
}

TEST(Bottleneck, IsTheOneRankThatReadsSlowly) {
  const RankTime quick = rank_time({{Phase::kForward, 3}, {Phase::kDataWait, 0.1}, {Phase::kCommunication, 6.9}});
  const RankTime slow = rank_time({{Phase::kForward, 3}, {Phase::kDataWait, 6.6}, {Phase::kCommunication, 0.4}});
  const Bottleneck found = find_bottleneck({.steps = 10, .ranks = {quick, quick, slow, quick}});
  EXPECT_EQ(found.kind, BottleneckKind::kReading);
  EXPECT_EQ(found.rank, 2);
  EXPECT_NEAR(found.share, 0.65, 1e-9);  // (9.6 - 3.1) / 10: what the others would no longer wait
}

TEST(Bottleneck, IsReadingOnNoSingleRankWhereAllWaitForRows) {
  const RankTime slow = rank_time({{Phase::kForward, 3}, {Phase::kDataWait, 6.6}, {Phase::kCommunication, 0.4}});
  const Bottleneck found = find_bottleneck({.steps = 10, .ranks = {slow, slow}});
  EXPECT_EQ(found.kind, BottleneckKind::kReading);
  EXPECT_EQ(found.rank, -1);
  EXPECT_NEAR(found.share, 0.66, 1e-9);
}

TEST(Bottleneck, IsTheNetworkWhereAllRanksWaitForEachOther) {
  const RankTime rank = rank_time({{Phase::kForward, 2}, {Phase::kBackward, 4}, {Phase::kCommunication, 4}});
  const Bottleneck found = find_bottleneck({.steps = 10, .ranks = {rank, rank, rank}});
  EXPECT_EQ(found.kind, BottleneckKind::kCommunication);
  EXPECT_EQ(found.rank, -1);
  EXPECT_DOUBLE_EQ(found.share, 0.4);
}

TEST(Bottleneck, IsAStragglerNamedWithWhatItIsLateIn) {
  const RankTime quick = rank_time({{Phase::kForward, 2}, {Phase::kBackward, 3}, {Phase::kCommunication, 5}});
  const RankTime late = rank_time({{Phase::kForward, 2.5}, {Phase::kBackward, 7}, {Phase::kCommunication, 0.5}});
  const Bottleneck found = find_bottleneck({.steps = 10, .ranks = {late, quick}});
  EXPECT_EQ(found.kind, BottleneckKind::kStraggler);
  EXPECT_EQ(found.rank, 0);
  EXPECT_NE(found.sentence.find("backward"), std::string::npos) << found.sentence;
}

TEST(Bottleneck, IsCheckpointsOrEvaluationWhereTheyTakeTheTime) {
  const RankTime saving = rank_time({{Phase::kForward, 6}, {Phase::kCheckpoint, 4}});
  EXPECT_EQ(find_bottleneck({.steps = 10, .ranks = {saving, saving}}).kind, BottleneckKind::kCheckpoints);
  const RankTime scoring = rank_time({{Phase::kForward, 6}, {Phase::kEvaluation, 4}});
  EXPECT_EQ(find_bottleneck({.steps = 10, .ranks = {scoring}}).kind, BottleneckKind::kEvaluation);
}

TEST(TimeAttribution, SharesAndRemainderAddUpToOne) {
  const TimeAttribution times{.steps = 10, .ranks = {rank_time({{Phase::kForward, 6}, {Phase::kCommunication, 3}, {Phase::kOther, 1}}),
                                                     rank_time({{Phase::kForward, 8}, {Phase::kCommunication, 2}})}};
  EXPECT_DOUBLE_EQ(times.share(Phase::kForward), 0.7);
  EXPECT_DOUBLE_EQ(times.remainder(), 0.05);
  EXPECT_EQ(times.last_to_arrive(), 1U);
  EXPECT_DOUBLE_EQ(times.exposed_communication(), 0.2);
  double sum = times.remainder();
  const nlohmann::ordered_json json = to_json(times);
  for (const auto& [phase, share] : json.at("shares").items()) sum += share.get<double>();
  EXPECT_NEAR(sum, 1, 1e-5);
}

}  // namespace
}  // namespace cohort::trainer
