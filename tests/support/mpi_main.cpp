// main() of the tests that run on many ranks.
//
// Every rank runs every test. At a test's end the ranks meet and rank 0 prints the failures of all of them. A rank that failed and left
// a test early would leave the others waiting in a collective for ever: whoever reaches the end waits for the others for a limited time on a
// communicator of its own, then prints what it knows and ends all ranks.
#define OMPI_SKIP_MPICXX 1
#include <mpi.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/comm/communicator.h"
#include "tests/support/file_filter.h"
#include "tests/support/world.h"

namespace cohort::tests {
namespace {

core::Communicator* g_world = nullptr;

void check(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  std::fprintf(stderr, "%s failed with code %d\n", call, code);
  std::abort();
}

std::string describe(int rank, const testing::TestPartResult& part) {
  std::string place = part.file_name() ? part.file_name() : "?";
  return "[rank " + std::to_string(rank) + "] " + place + ":" + std::to_string(part.line_number()) + ": " + part.message() + "\n";
}

/// Takes the place of GoogleTest's printer on all ranks.
class GatheringListener final : public testing::EmptyTestEventListener {
 public:
  GatheringListener() {
    check(MPI_Comm_dup(MPI_COMM_WORLD, &meeting_), "MPI_Comm_dup");
    check(MPI_Comm_rank(meeting_, &rank_), "MPI_Comm_rank");
    check(MPI_Comm_size(meeting_, &size_), "MPI_Comm_size");
  }
  ~GatheringListener() override { MPI_Comm_free(&meeting_); }

  bool failed() const { return failed_ > 0; }

  void OnTestStart(const testing::TestInfo& test) override {
    if (rank_ == 0) std::printf("[ RUN      ] %s\n", name_of(test).c_str()), std::fflush(stdout);
  }
  void OnTestPartResult(const testing::TestPartResult& part) override {
    if (part.failed()) mine_ += describe(rank_, part);
    if (part.skipped()) skipped_ = true;
  }
  void OnTestEnd(const testing::TestInfo& test) override {
    meet(test);
    const std::string all = gather();
    ++tests_;
    if (!all.empty()) ++failed_;
    if (rank_ == 0) {
      std::fputs(all.c_str(), stdout);
      std::printf("[%s] %s (%d ranks)\n", all.empty() ? (skipped_ ? "  SKIPPED " : "       OK ") : "  FAILED  ", name_of(test).c_str(), size_);
      std::fflush(stdout);
    }
    mine_.clear();
    skipped_ = false;
  }
  void OnTestProgramEnd(const testing::UnitTest&) override {
    if (rank_ == 0) std::printf("%d tests on %d ranks, %d failed\n", tests_, size_, failed_);
  }

 private:
  static constexpr std::chrono::seconds kPatience{20};

  static std::string name_of(const testing::TestInfo& test) { return std::string(test.test_suite_name()) + "." + test.name(); }

  void meet(const testing::TestInfo& test) {
    MPI_Request request;
    check(MPI_Ibarrier(meeting_, &request), "MPI_Ibarrier");
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    for (int done = 0; !done;) {
      check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
      if (done) return;
      if (std::chrono::steady_clock::now() > deadline) {
        std::printf("[  FAILED  ] %s: rank %d reached the end, another rank did not within %d s\n%s", name_of(test).c_str(), rank_,
                    static_cast<int>(kPatience.count()), mine_.c_str());
        std::fflush(stdout);
        MPI_Abort(MPI_COMM_WORLD, 1);
      }
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }

  /// Every rank's failures, in rank order, on all ranks.
  std::string gather() {
    const int size = static_cast<int>(mine_.size());
    std::vector<int> sizes(static_cast<std::size_t>(size_)), offsets(static_cast<std::size_t>(size_));
    check(MPI_Allgather(&size, 1, MPI_INT, sizes.data(), 1, MPI_INT, meeting_), "MPI_Allgather");
    int total = 0;
    for (std::size_t r = 0; r < sizes.size(); ++r) {
      offsets[r] = total;
      total += sizes[r];
    }
    std::string all(static_cast<std::size_t>(total), ' ');
    check(MPI_Allgatherv(mine_.data(), size, MPI_CHAR, all.data(), sizes.data(), offsets.data(), MPI_CHAR, meeting_), "MPI_Allgatherv");
    return all;
  }

  MPI_Comm meeting_ = MPI_COMM_NULL;
  int rank_ = 0, size_ = 1, tests_ = 0, failed_ = 0;
  bool skipped_ = false;
  std::string mine_;
};

int run(int argc, char** argv) {
  if (!initialise(argc, argv)) return 1;
  const auto communicator = core::make_communicator();
  communicator->share_memory();
  g_world = communicator.get();
  if (communicator->transport() != "mpi") {
    std::fprintf(stderr, "run this program under mpirun: mpirun -n 2 %s\n", argv[0]);
    return 2;
  }
  GatheringListener gathering;
  auto& listeners = testing::UnitTest::GetInstance()->listeners();
  delete listeners.Release(listeners.default_result_printer());
  listeners.Append(&gathering);
  const int result = RUN_ALL_TESTS();
  listeners.Release(&gathering);
  return result != 0 || gathering.failed() ? 1 : 0;
}

}  // namespace

core::Communicator& world() { return *g_world; }

}  // namespace cohort::tests

int main(int argc, char** argv) { return cohort::tests::run(argc, argv); }
