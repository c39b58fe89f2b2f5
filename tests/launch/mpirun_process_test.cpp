#include "launch/data/mpirun_process.h"

#include <chrono>
#include <thread>

#include <gtest/gtest.h>

namespace cohort::launch {
namespace {

using std::chrono::steady_clock;

int wait_for_end(MpirunProcess& process) {
  for (;;) {
    if (const auto status = process.ended()) return *status;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

TEST(MpirunProcess, MessagesThatComeAfterItsEndAreKept) {
  MpirunProcess process({"/bin/sh", "-c", "(exec >/dev/null; sleep 0.3; echo last words >&2) & exit 5"}, {});
  EXPECT_EQ(wait_for_end(process), 5);
  EXPECT_EQ(process.messages(), "last words\n");
}

TEST(MpirunProcess, IsNotWaitedForWhereAProcessLeftBehindHoldsItsMessages) {
  const auto begin = steady_clock::now();
  {
    MpirunProcess process({"/bin/sh", "-c", "sleep 15 >/dev/null & echo first >&2; exit 0"}, {});
    EXPECT_EQ(wait_for_end(process), 0);
    EXPECT_EQ(process.messages(), "first\n");
  }
  { MpirunProcess killed({"/bin/sh", "-c", "sleep 15 >/dev/null"}, {}); }
  EXPECT_LT(steady_clock::now() - begin, std::chrono::seconds(10));
}

}  // namespace
}  // namespace cohort::launch
