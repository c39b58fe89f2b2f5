#include "core/flight/watchdog.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>

#include <gtest/gtest.h>

#include "core/flight/evidence.h"

namespace cohort::core {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

/// What a watchdog said, and when it wanted to end the process.
class Ending {
 public:
  Watchdog::Settings settings(int rank, double timeout_seconds) {
    return {.rank = rank,
            .timeout_seconds = timeout_seconds,
            .say = [this](const std::string& message) {
              const std::lock_guard lock(mutex_);
              said_ += message;
              changed_.notify_all();
            },
            .end = [this] {
              const std::lock_guard lock(mutex_);
              ended_ = true;
              changed_.notify_all();
            }};
  }
  bool said_within(double seconds) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::duration<double>(seconds), [&] { return !said_.empty(); });
  }
  bool ended_within(double seconds) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::duration<double>(seconds), [&] { return ended_; });
  }
  std::string said() {
    const std::lock_guard lock(mutex_);
    return said_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string said_;
  bool ended_ = false;
};

class WatchdogTest : public testing::Test {
 protected:
  WatchdogTest() { fs::create_directories(run_ / "logs"); }
  ~WatchdogTest() override {
    for (const pid_t child : children_) {
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
    }
    fs::remove_all(run_);
  }

  void keep(Recorder& recorder, int rank, int world) {
    recorder.keep_in(flight_path(run_, rank), {.rank = rank, .world = world, .node = 0, .attempt = 1, .timeout_seconds = 1, .clock_offset_ns = 0});
  }
  /// A process that is rank `rank`, does what is asked and stays.
  template <class Work>
  pid_t start_rank(int rank, int world, Work work) {
    int ready[2];
    EXPECT_EQ(::pipe(ready), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      Recorder recorder;
      keep(recorder, rank, world);
      recorder.step(8, 0);
      work(recorder);
      (void)!::write(ready[1], "x", 1);
      for (;;) ::pause();
    }
    char letter = 0;
    EXPECT_EQ(::read(ready[0], &letter, 1), 1);
    ::close(ready[0]);
    ::close(ready[1]);
    children_.push_back(child);
    return child;
  }

  fs::path run_ = fs::path(testing::TempDir()) / ("watchdog_test-" + std::to_string(::getpid()));
  std::vector<pid_t> children_;
};

const OperationLabel kBarrier = OperationLabel::of("barrier");

TEST_F(WatchdogTest, NamesARankThatIsKilledWithinASecond) {
  Recorder recorder;
  keep(recorder, 0, 2);
  const pid_t child = start_rank(1, 2, [](Recorder& other) { other.call(kBarrier); });
  Ending ending;
  Watchdog watchdog(recorder, ending.settings(0, 60));
  watchdog.watch(run_, 2, 1, false);
  const Wait waiting(recorder, kBarrier, recorder.call(kBarrier));
  ::kill(child, SIGKILL);
  ASSERT_TRUE(ending.said_within(1));
  EXPECT_NE(ending.said().find("rank 1 (process " + std::to_string(child)), std::string::npos) << ending.said();
  EXPECT_NE(ending.said().find("step 8"), std::string::npos) << ending.said();
  EXPECT_TRUE(ending.ended_within(5));
  const auto culprit = read_culprit(run_, 1);
  ASSERT_TRUE(culprit);
  EXPECT_EQ(culprit->culprit, Culprit::kDead);
  EXPECT_EQ(culprit->rank, 1);
  EXPECT_EQ(parse_flight(recorder.bytes(), "own").state, FlightState::kEndedByWatchdog);
}

TEST_F(WatchdogTest, HasMorePatienceWithARankThatWritesACheckpoint) {
  Recorder recorder;
  keep(recorder, 0, 2);
  recorder.step(8, 0);
  start_rank(1, 2, [](Recorder& other) { static const Span span(other, Phase::kCheckpoint); });
  Ending ending;
  Watchdog watchdog(recorder, ending.settings(0, 0.3));
  watchdog.watch(run_, 2, 1, false);
  const Wait waiting(recorder, kBarrier, recorder.call(kBarrier));
  EXPECT_FALSE(ending.said_within(1.5)) << ending.said();
  ASSERT_TRUE(ending.said_within(4));  // after 3 s: for ever would be no time-out
  EXPECT_NE(ending.said().find("rank 1"), std::string::npos) << ending.said();
}

TEST_F(WatchdogTest, IsSilentAboutARankThatHadItsLastWord) {
  Recorder recorder;
  keep(recorder, 0, 2);
  const pid_t child = start_rank(1, 2, [](Recorder& other) { other.failed("the disk is full"); });
  Ending ending;
  Watchdog watchdog(recorder, ending.settings(0, 60));
  watchdog.watch(run_, 2, 1, false);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  children_.clear();
  EXPECT_FALSE(ending.ended_within(0.5));
  EXPECT_TRUE(recorder.running());
}

TEST_F(WatchdogTest, LeavesTheMessageToARankThatFailed) {
  Recorder recorder;
  keep(recorder, 0, 2);
  start_rank(1, 2, [](Recorder& other) { other.failed("error: the disk is full"); });
  Ending ending;
  Watchdog watchdog(recorder, ending.settings(0, 0.3));
  watchdog.watch(run_, 2, 1, false);
  const Wait waiting(recorder, kBarrier, recorder.call(kBarrier));
  ASSERT_TRUE(ending.ended_within(2.5));
  EXPECT_EQ(ending.said(), "");
  EXPECT_EQ(read_culprit(run_, 1)->rank, 1);
}

TEST_F(WatchdogTest, NamesAStoppedRankAfterTheTimeout) {
  Recorder recorder;
  keep(recorder, 0, 2);
  recorder.step(8, 0);
  const pid_t child = start_rank(1, 2, [](Recorder&) {});
  ::kill(child, SIGSTOP);
  Ending ending;
  Watchdog watchdog(recorder, ending.settings(0, 0.5));
  watchdog.watch(run_, 2, 1, false);
  const auto begin = steady_clock::now();
  const Wait waiting(recorder, kBarrier, recorder.call(kBarrier));
  ASSERT_TRUE(ending.ended_within(2.5));
  EXPECT_GE(steady_clock::now() - begin, std::chrono::milliseconds(500));
  EXPECT_NE(ending.said().find("rank 1"), std::string::npos) << ending.said();
  EXPECT_NE(ending.said().find("stopped by a signal"), std::string::npos) << ending.said();
}

TEST_F(WatchdogTest, NamesItsOwnReader) {
  Recorder recorder;
  keep(recorder, 0, 1);
  Ending ending;
  Watchdog watchdog(recorder, ending.settings(0, 0.3));
  watchdog.watch(run_, 1, 1, false);
  const Wait waiting(recorder);
  ASSERT_TRUE(ending.ended_within(2.5));
  EXPECT_EQ(read_culprit(run_, 1)->culprit, Culprit::kSlowReader);
  EXPECT_EQ(read_culprit(run_, 1)->rank, 0);
}

TEST_F(WatchdogTest, LetsOneRankSpeakForAll) {
  Recorder recorder;
  keep(recorder, 0, 1);
  Diagnosis others;
  others.sentence = "told";
  ASSERT_TRUE(claim_culprit(run_, 1, others));
  ASSERT_FALSE(claim_culprit(run_, 1, others));
  Ending ending;
  Watchdog watchdog(recorder, ending.settings(0, 0.2));
  watchdog.watch(run_, 1, 1, false);
  const Wait waiting(recorder);
  ASSERT_TRUE(ending.ended_within(4));
  EXPECT_EQ(ending.said(), "");
}

TEST_F(WatchdogTest, LetsShortWaitsPassAndWaitsForEverIfAsked) {
  Recorder recorder;
  Ending ending, other;
  {
    Watchdog watchdog(recorder, ending.settings(0, 0.4));
    for (int i = 0; i < 8; ++i) {
      const Wait waiting(recorder, kBarrier, recorder.call(kBarrier));
      EXPECT_FALSE(ending.ended_within(0.1));
    }
  }
  Recorder patient;
  Watchdog watchdog(patient, other.settings(0, 0));
  const Wait waiting(patient, kBarrier, patient.call(kBarrier));
  EXPECT_FALSE(other.ended_within(0.6));
}

TEST_F(WatchdogTest, NamesTheOperationBeforeTheFolderIsKnown) {
  Recorder recorder;
  Ending ending;
  Watchdog watchdog(recorder, ending.settings(3, 0.3));
  const OperationLabel label = OperationLabel::of("broadcast", 8);
  const Wait waiting(recorder, label, recorder.call(label));
  ASSERT_TRUE(ending.ended_within(2.5));
  EXPECT_NE(ending.said().find("rank 3"), std::string::npos) << ending.said();
  EXPECT_NE(ending.said().find("broadcast (call 1)"), std::string::npos) << ending.said();
}

}  // namespace
}  // namespace cohort::core
