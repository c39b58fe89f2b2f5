#include "launch/data/culprit.h"

#include <gtest/gtest.h>

namespace cohort::launch {
namespace {

const std::string kBySignal = "mpirun noticed that process rank 2 with PID 0 on node n3 exited on signal 9 (Killed).\n";
const std::string kByStatus = "  Process name: [[123,1],4]\n  Exit code:    7\n";

TEST(Culprit, ARanksOwnErrorGoesBeforeWhatMpirunSays) {
  const Blamed blamed = blame_from_messages("warning\n" + kBySignal + "rank 1: a.toml:2:3: error: no memory\n  remedy: buy some\n", 1);
  EXPECT_EQ(blamed.rank, 1);
  EXPECT_EQ(blamed.sentence, "rank 1 failed: no memory");
}

TEST(Culprit, AnErrorOfNoRankIsTheRuns) {
  const Blamed blamed = blame_from_messages(kBySignal + "a.toml:2:3: error: no memory\n", 1);
  EXPECT_EQ(blamed.rank, -1);
  EXPECT_EQ(blamed.sentence, "the run failed: no memory");
}

TEST(Culprit, MpirunNamesTheRankOfASignalOrStatus) {
  const Blamed by_signal = blame_from_messages("one\n" + kBySignal + kByStatus, 137);
  EXPECT_EQ(by_signal.rank, 2);
  EXPECT_EQ(by_signal.host, "n3");
  EXPECT_EQ(by_signal.sentence, "rank 2 (on n3) was ended by signal 9 (Killed)");
  const Blamed by_status = blame_from_messages("one\n\n" + kByStatus + "---\n", 7);
  EXPECT_EQ(by_status.rank, 4);
  EXPECT_EQ(by_status.sentence, "rank 4 ended with status 7 without a word");
  EXPECT_EQ(blame_from_messages("words", 143).sentence, "mpirun was ended by signal 15 (Terminated)");
  EXPECT_EQ(blame_from_messages("", 5).sentence, "mpirun ended with status 5");
}

TEST(Culprit, ALineOfAnyLengthIsNoTrouble) {
  const std::string letters(200 << 10, 'x');
  EXPECT_EQ(blame_from_messages("rank 0: " + letters + "\nrank 1: " + letters + ": error: far\nrank 2: error: no memory\n", 1).sentence, "rank 2 failed: no memory");
  const Blamed blamed = blame_from_messages(letters + "\nrank 3: error: " + letters, 1);
  EXPECT_EQ(blamed.rank, 3);
  EXPECT_EQ(blamed.sentence.rfind("rank 3 failed: xxx", 0), 0U);
  EXPECT_LT(blamed.sentence.size(), 5000U);
  EXPECT_EQ(blame_from_messages("rank 99999999999999999999: error: a number that is none\n", 1).rank, -1);
}

}  // namespace
}  // namespace cohort::launch
