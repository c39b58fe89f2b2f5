#include "core/flight/diagnosis.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cohort::core {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kNow = 1000 * kSecond;

/// Ranks that made the calls of some steps together: "all-reduce of 64" and "barrier" in turn, and are in the next step's forward pass.
std::vector<RankEvidence> ranks_at_work(int ranks) {
  std::vector<RankEvidence> all;
  for (int r = 0; r < ranks; ++r) {
    RankEvidence rank;
    rank.life = Life::kRunning;
    rank.now_ns = kNow;
    FlightSnapshot& flight = rank.flight;
    flight.rank = r;
    flight.world = ranks;
    flight.host = "here";
    flight.pid = 100 + r;
    flight.step = 5;
    flight.phase = Phase::kForward;
    flight.phase_since_ns = flight.heartbeat_ns = kNow - kSecond / 10;
    for (uint64_t step = 0; step < 5; ++step) {
      flight.calls[2 * step + 1] = {.name = "all-reduce", .count = 64, .step = step};
      flight.calls[2 * step + 2] = {.name = "barrier", .step = step};
    }
    flight.called = 10;
    all.push_back(rank);
  }
  return all;
}

void begin_call(RankEvidence& rank, const std::string& name, uint64_t count, int64_t since_ns) {
  FlightSnapshot& flight = rank.flight;
  flight.calls[++flight.called] = {.name = name, .count = count, .step = flight.step};
  flight.waiting = {.kind = WaitKind::kCollective, .since_ns = since_ns, .call = flight.called, .count = count, .name = name};
  flight.phase = Phase::kCommunication;
  flight.phase_since_ns = since_ns;
}

TEST(Diagnosis, FindsNothingInARunThatGoesOn) {
  std::vector<RankEvidence> ranks = ranks_at_work(3);
  begin_call(ranks[1], "all-reduce", 64, kNow - kSecond / 10);
  const Diagnosis found = diagnose(ranks, 5 * kSecond);
  EXPECT_EQ(found.culprit, Culprit::kNone);
  EXPECT_EQ(found.rank, -1);
}

TEST(Diagnosis, NamesTheRankThatComputesWhileAllOthersWait) {
  std::vector<RankEvidence> ranks = ranks_at_work(4);
  for (const std::size_t r : {0, 1, 3}) begin_call(ranks[r], "all-reduce", 64, kNow - 7 * kSecond);
  const Diagnosis found = diagnose(ranks, 5 * kSecond);
  EXPECT_EQ(found.culprit, Culprit::kStraggler);
  EXPECT_EQ(found.rank, 2);
  EXPECT_EQ(found.pid, 102);
  EXPECT_EQ(found.phase, "forward");
  EXPECT_EQ(found.step, 5);
  EXPECT_NE(found.operation.find("all-reduce of 64 float (sum)"), std::string::npos) << found.operation;
  EXPECT_NE(found.sentence.find("7.0 s"), std::string::npos) << found.sentence;
}

TEST(Diagnosis, NamesARankThatBeganTheCallAndWentOnToSomethingElse) {
  std::vector<RankEvidence> ranks = ranks_at_work(2);
  begin_call(ranks[0], "all-reduce", 64, kNow - 7 * kSecond);
  ranks[1].flight.calls[++ranks[1].flight.called] = {.name = "all-reduce", .count = 64, .step = 5};
  const Diagnosis found = diagnose(ranks, kSecond);
  EXPECT_EQ(found.culprit, Culprit::kStraggler);
  EXPECT_EQ(found.rank, 1);
}

TEST(Diagnosis, SaysThatARankIsStopped) {
  std::vector<RankEvidence> ranks = ranks_at_work(2);
  begin_call(ranks[1], "barrier", 0, kNow - 7 * kSecond);
  ranks[0].life = Life::kStopped;
  const Diagnosis found = diagnose(ranks, kSecond);
  EXPECT_EQ(found.culprit, Culprit::kStraggler);
  EXPECT_EQ(found.rank, 0);
  EXPECT_NE(found.sentence.find("stopped by a signal"), std::string::npos);
  EXPECT_NE(found.remedy.find("kill -CONT 100"), std::string::npos);
}

TEST(Diagnosis, NamesTheReaderThatOthersWaitFor) {
  std::vector<RankEvidence> ranks = ranks_at_work(3);
  for (const std::size_t r : {0, 1}) begin_call(ranks[r], "all-reduce", 64, kNow - 7 * kSecond);
  ranks[2].flight.phase = Phase::kDataWait;
  ranks[2].flight.waiting = {.kind = WaitKind::kData, .since_ns = kNow - 8 * kSecond, .name = "rows"};
  const Diagnosis found = diagnose(ranks, 5 * kSecond);
  EXPECT_EQ(found.culprit, Culprit::kSlowReader);
  EXPECT_EQ(found.rank, 2);
  EXPECT_EQ(found.phase, "data_wait");
}

TEST(Diagnosis, NamesAReaderThatNobodyWaitsForYet) {
  std::vector<RankEvidence> ranks = ranks_at_work(1);
  ranks[0].flight.phase = Phase::kDataWait;
  ranks[0].flight.waiting = {.kind = WaitKind::kData, .since_ns = kNow - 8 * kSecond, .name = "rows"};
  EXPECT_EQ(diagnose(ranks, 5 * kSecond).culprit, Culprit::kSlowReader);
  EXPECT_EQ(diagnose(ranks, 9 * kSecond).culprit, Culprit::kNone);
}

TEST(Diagnosis, NamesTheRankThatIsGoneAndWhereItWas) {
  std::vector<RankEvidence> ranks = ranks_at_work(3);
  begin_call(ranks[0], "all-reduce", 64, kNow - kSecond / 100);
  ranks[1].life = Life::kGone;
  ranks[1].flight.phase = Phase::kBackward;
  const Diagnosis found = diagnose(ranks, 0);
  EXPECT_EQ(found.culprit, Culprit::kDead);
  EXPECT_EQ(found.rank, 1);
  EXPECT_NE(found.sentence.find("rank 1 (process 101 on here) ended without a last word at step 5, phase backward"), std::string::npos) << found.sentence;
}

TEST(Diagnosis, OfRanksThatAreAllGoneNamesTheOneWhoseLastSignIsOlder) {
  std::vector<RankEvidence> ranks = ranks_at_work(3);
  for (RankEvidence& rank : ranks) rank.life = Life::kGone;
  EXPECT_EQ(diagnose(ranks, 0).rank, -1);
  EXPECT_EQ(diagnose(ranks, 0).culprit, Culprit::kDead);
  ranks[2].flight.heartbeat_ns -= kSecond;
  EXPECT_EQ(diagnose(ranks, 0).rank, 2);
}

TEST(Diagnosis, CallsADeathWithoutMemoryByItsName) {
  std::vector<RankEvidence> ranks = ranks_at_work(2);
  ranks[0].life = Life::kGone;
  ranks[0].flight.memory_limit = uint64_t{8} << 30;
  ranks[0].flight.memory_free = uint64_t{4} << 30;
  EXPECT_EQ(diagnose(ranks, 0).culprit, Culprit::kDead);
  ranks[0].flight.memory_free = uint64_t{100} << 20;
  EXPECT_EQ(diagnose(ranks, 0).culprit, Culprit::kOutOfMemory);
  ranks[0].flight.memory_free = uint64_t{4} << 30;
  ranks[0].oom_killed = true;
  EXPECT_EQ(diagnose(ranks, 0).culprit, Culprit::kOutOfMemory);
  EXPECT_EQ(diagnose(ranks, 0).rank, 0);
}

TEST(Diagnosis, TellsARanksOwnMessage) {
  std::vector<RankEvidence> ranks = ranks_at_work(3);
  ranks[2].flight.state = FlightState::kFailed;
  ranks[2].flight.message = "rank 2: error: the disk is full\n  while writing\n  remedy: free space";
  ranks[2].life = Life::kGone;
  for (const std::size_t r : {0, 1}) {
    ranks[r].life = Life::kGone;  // mpirun ended them
    ranks[r].flight.heartbeat_ns += kSecond / 10;
  }
  const Diagnosis found = diagnose(ranks, 0);
  EXPECT_EQ(found.culprit, Culprit::kFailed);
  EXPECT_EQ(found.rank, 2);
  EXPECT_TRUE(found.sentence.starts_with("rank 2 (process ")) << found.sentence;
  EXPECT_TRUE(found.sentence.ends_with(": the disk is full; while writing")) << found.sentence;
  EXPECT_EQ(found.remedy, "free space");
  ranks[2].flight.out_of_memory = true;
  EXPECT_EQ(diagnose(ranks, 0).culprit, Culprit::kOutOfMemory);
}

TEST(Diagnosis, BlamesNobodyForAnErrorThatAllRanksKnow) {
  std::vector<RankEvidence> ranks = ranks_at_work(2);
  for (RankEvidence& rank : ranks) {
    rank.flight.state = FlightState::kFailed;
    rank.flight.everywhere = true;
    rank.flight.message = "error: the loss became nan";
  }
  const Diagnosis found = diagnose(ranks, 0);
  EXPECT_EQ(found.culprit, Culprit::kFailed);
  EXPECT_EQ(found.rank, -1);
}

TEST(Diagnosis, NamesTheRankWhoseErrorAllRanksKnow) {
  std::vector<RankEvidence> ranks = ranks_at_work(2);
  for (RankEvidence& rank : ranks) {
    rank.flight.state = FlightState::kFailed;
    rank.flight.everywhere = true;
    rank.flight.message = "rank 1: data.h5: error: the file is damaged";
  }
  const Diagnosis found = diagnose(ranks, 0);
  EXPECT_EQ(found.rank, 1);
  EXPECT_TRUE(found.sentence.ends_with(": data.h5: the file is damaged")) << found.sentence;
}

TEST(Diagnosis, NamesTheMinorityOfAMismatch) {
  std::vector<RankEvidence> ranks = ranks_at_work(3);
  begin_call(ranks[0], "all-reduce", 63, kNow);
  begin_call(ranks[1], "all-reduce", 64, kNow);
  begin_call(ranks[2], "all-reduce", 64, kNow);
  const Diagnosis found = diagnose(ranks, kSecond);
  EXPECT_EQ(found.culprit, Culprit::kMismatch);
  EXPECT_EQ(found.rank, 0);
  EXPECT_NE(found.operation.find("all-reduce of 63"), std::string::npos);
}

TEST(Diagnosis, OfTwoRanksThatDisagreeNamesTheSecond) {
  std::vector<RankEvidence> ranks = ranks_at_work(2);
  begin_call(ranks[0], "all-reduce", 64, kNow);
  begin_call(ranks[1], "broadcast", 64, kNow);
  const Diagnosis found = diagnose(ranks, kSecond);
  EXPECT_EQ(found.culprit, Culprit::kMismatch);
  EXPECT_EQ(found.rank, 1);
}

TEST(Diagnosis, KnowsACallLeftOutByTheOneThatFollowsIt) {
  for (const std::size_t skips : {0, 1}) {
    // The steps before say what comes after an all-reduce; the rank that left it out waits in that.
    std::vector<RankEvidence> ranks = ranks_at_work(2);
    begin_call(ranks[skips], "barrier", 0, kNow);
    begin_call(ranks[1 - skips], "all-reduce", 64, kNow);
    ranks[skips].flight.calls.at(11).step = 5;
    // Without another sign both orders were seen before: a step is "all-reduce, barrier".
    ranks[skips].flight.calls[11].step = 6;
    const Diagnosis found = diagnose(ranks, kSecond);
    EXPECT_EQ(found.culprit, Culprit::kMissingCall) << skips;
    EXPECT_EQ(found.rank, static_cast<int>(skips)) << skips;
    EXPECT_NE(found.operation.find("all-reduce of 64"), std::string::npos) << found.operation;
  }
}

TEST(Diagnosis, KnowsACallLeftOutByWhatComesLater) {
  std::vector<RankEvidence> ranks = ranks_at_work(3);
  for (std::size_t r = 0; r < 3; ++r) {
    if (r != 1) begin_call(ranks[r], "gather", 0, kNow);
    begin_call(ranks[r], "all-reduce", 8, kNow);
    begin_call(ranks[r], "all-reduce", 16, kNow);
  }
  const Diagnosis found = diagnose(ranks, kSecond);
  EXPECT_EQ(found.culprit, Culprit::kMissingCall);
  EXPECT_EQ(found.rank, 1);
  EXPECT_EQ(found.operation, "gather to rank 0");
}

TEST(Diagnosis, KnowsACallLeftOutWhereOneLikeItFollows) {
  // The rank that left out a barrier is a step ahead, and has nothing more to do with the others.
  std::vector<RankEvidence> ranks = ranks_at_work(3);
  for (const std::size_t r : {0, 1}) begin_call(ranks[r], "barrier", 0, kNow - 2 * kSecond);
  ranks[2].flight.step = 6;
  EXPECT_EQ(diagnose(ranks, kSecond).culprit, Culprit::kMissingCall);
  EXPECT_EQ(diagnose(ranks, kSecond).rank, 2);
  ranks[2].flight.step = 5;
  EXPECT_EQ(diagnose(ranks, kSecond).culprit, Culprit::kStraggler);
  ranks[2].flight.state = FlightState::kFinished;
  EXPECT_EQ(diagnose(ranks, kSecond).culprit, Culprit::kMissingCall);
}

TEST(Diagnosis, FollowsAMessageToTheRankThatOwesIt) {
  std::vector<RankEvidence> ranks = ranks_at_work(3);
  begin_call(ranks[0], "barrier", 0, kNow - 2 * kSecond);
  ranks[1].flight.waiting = {.kind = WaitKind::kMessage, .since_ns = kNow - 2 * kSecond, .count = 8, .detail = 2, .name = "receive"};
  const Diagnosis found = diagnose(ranks, kSecond);
  EXPECT_EQ(found.rank, 2);
  EXPECT_EQ(found.culprit, Culprit::kStraggler);
}

TEST(Diagnosis, SaysThatACallInWhichAllAreDoesntGetOn) {
  std::vector<RankEvidence> ranks = ranks_at_work(2);
  for (RankEvidence& rank : ranks) begin_call(rank, "barrier", 0, kNow - 9 * kSecond);
  const Diagnosis found = diagnose(ranks, kSecond);
  EXPECT_EQ(found.culprit, Culprit::kNone);
  EXPECT_NE(found.sentence.find("all ranks are in call 11, barrier"), std::string::npos) << found.sentence;
}

TEST(Diagnosis, GoesThroughJson) {
  std::vector<RankEvidence> ranks = ranks_at_work(2);
  ranks[1].life = Life::kGone;
  const Diagnosis found = diagnose(ranks, 0);
  const Diagnosis read = diagnosis_from_json(nlohmann::json::parse(to_json(found).dump()));
  EXPECT_EQ(to_json(read).dump(), to_json(found).dump());
  EXPECT_EQ(to_text(read), to_text(found));
}

}  // namespace
}  // namespace cohort::core
