// The transport by NCCL, its start, its order and its end, and what becomes of NCCL's errors: between GPUs that are threads.
#include <algorithm>
#include <atomic>
#include <latch>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/gpu/pretended/pretended_gpus.h"
#include "tests/support/host_copy_engine.h"
#include "tests/support/thread_communicator.h"
#include "trainer/device/nccl_transport.h"

namespace cohort::trainer {
namespace {

using tests::NcclFault;

/// Ranks are threads, each with a GPU of its own.
void run_pretended(int ranks, NcclFault fault, const std::function<void(core::Communicator& comm, const std::shared_ptr<CopyEngine>& engine)>& work) {
  tests::pretend_nccl(fault);
  tests::run_ranks(ranks, [&](core::Communicator& comm) {
    ASSERT_EQ(cudaSetDevice(comm.rank()), cudaSuccess);
    work(comm, make_cuda_copy_engine());
  });
  EXPECT_EQ(tests::nccl_communicators(), 0);
}

TEST(PretendedNccl, MovesWhatTheComputingStreamHasMadeAndShowsItWhatCame) {
  constexpr int kRanks = 3;
  constexpr std::size_t kNumbers = 1000;
  std::latch gate(1), all_asked(kRanks);
  run_pretended(kRanks, NcclFault::kNone, [&](core::Communicator& comm, const std::shared_ptr<CopyEngine>& engine) {
    const auto transport = choose_device_transport(comm, engine, "nccl", make_nccl_library(engine).get());
    EXPECT_EQ(transport->name().rfind("nccl 2.", 0), 0U) << transport->name();
    auto& direct = dynamic_cast<DirectTransport&>(*transport);
    EXPECT_TRUE(direct.finished());
    const int rank = comm.rank(), next = (rank + 1) % kRanks, before = (rank + kRanks - 1) % kRanks;
    const auto sent = engine->device_memory(8 * kNumbers), received = engine->device_memory(8 * kNumbers + 8), added = engine->device_memory(8 * kNumbers);
    const auto numbers = [](const std::shared_ptr<std::byte>& memory) { return reinterpret_cast<int64_t*>(memory.get()); };
    // The computing stream is held up: whoever doesn't wait for it finds zeros.
    for (const auto& memory : {sent, received, added}) std::fill_n(numbers(memory), kNumbers, 0);
    tests::ask_stream(nullptr, [&] {
      gate.wait();
      std::fill_n(numbers(sent), kNumbers, 100 + rank);
      std::fill_n(numbers(added), kNumbers, (int64_t{1} << 62) + rank);
    });
    const SentPiece send[] = {{.rank = next, .memory = sent.get(), .bytes = 8 * (kNumbers - 1)},
                              {.rank = next, .memory = sent.get(), .bytes = 0},
                              {.rank = next, .memory = sent.get(), .bytes = 8}};
    const ReceivedPiece receive[] = {{.rank = before, .memory = received.get(), .bytes = 8 * (kNumbers - 1)},
                                     {.rank = before, .memory = received.get(), .bytes = 0},
                                     {.rank = before, .memory = received.get() + 8 * (kNumbers - 1), .bytes = 8}};
    transport->exchange(send, receive);
    transport->sum(numbers(added), kNumbers);
    transport->let_computing_wait();
    std::atomic<int> right = -1;
    tests::ask_stream(nullptr, [&] {
      right = static_cast<int>(std::count(numbers(received), numbers(received) + kNumbers, 100 + before) +
                               std::count(numbers(added), numbers(added) + kNumbers, static_cast<int64_t>(3 * (uint64_t{1} << 62)) + 3));
    });
    for (int look = 0; look < 200; ++look) {
      EXPECT_FALSE(direct.finished());
      std::this_thread::yield();
    }
    EXPECT_EQ(right, -1);
    all_asked.arrive_and_wait();
    if (comm.is_root()) gate.count_down();
    EXPECT_EQ(cudaStreamSynchronize(nullptr), cudaSuccess);
    EXPECT_EQ(right, static_cast<int>(2 * kNumbers));
  });
  EXPECT_EQ(tests::nccl_aborts(), 0);
}

struct NcclCase {
  NcclFault fault;
  const char* reason;
  int given_up;  ///< communicators of three ranks
};
const NcclCase kNcclCases[] = {
    {NcclFault::kNoToken, "NCCL opens no place for ranks to meet: a system call failed", 0},
    {NcclFault::kStart, "NCCL's start between 3 ranks failed on rank 2: a system call failed", 2},
    {NcclFault::kStartLater, "NCCL's start between 3 ranks failed on rank 2: a remote rank has gone (says the pretended one)", 3},
    {NcclFault::kCall, "NCCL's sum between 3 ranks failed on rank 2: a system call failed (says the pretended one)", 3},
    {NcclFault::kLater, "NCCL's exchange between 3 ranks failed on rank 2: a remote rank has gone (says the pretended one)", 3},
    {NcclFault::kMute, "the trial of nccl ", 3},
    {NcclFault::kTorn, "brought rank 0 wrong bytes from rank 2", 3},
};

TEST(PretendedNccl, ThatFailsOnOneRankIsGivenUpByAll) {
  for (const NcclCase& failing : kNcclCases) {
    for (const char* wish : {"auto", "nccl"}) {
      run_pretended(3, failing.fault, [&](core::Communicator& comm, const std::shared_ptr<CopyEngine>& engine) {
        try {
          const auto transport =
              choose_device_transport(comm, engine, wish, make_nccl_library(engine).get(), {.trial = std::chrono::milliseconds(200)});
          EXPECT_STREQ(wish, "auto") << failing.reason;
          EXPECT_EQ(transport->name(), "messages by way of the host") << failing.reason;
        } catch (const core::Error& error) {
          EXPECT_STREQ(wish, "nccl") << error.what();
          EXPECT_TRUE(error.everywhere());
          EXPECT_NE(error.message().find(failing.reason), std::string::npos) << error.message();
        }
      });
      EXPECT_EQ(tests::nccl_aborts(), failing.given_up) << failing.reason;
    }
  }
}

TEST(PretendedNccl, IsGivenUpWhereAnExceptionUnwinds) {
  std::latch thrown(2);
  run_pretended(2, NcclFault::kNone, [&](core::Communicator& comm, const std::shared_ptr<CopyEngine>& engine) {
    try {
      const auto transport = make_device_transport(comm, engine, "nccl");
      // One rank has left for good when the other's transport is destroyed.
      if (comm.rank() == 0) throw core::failed_error("no more");
      thrown.arrive_and_wait();
      throw core::failed_error("no more here");
    } catch (const core::Error& error) {
      EXPECT_EQ(error.message().rfind("no more", 0), 0U) << error.what();
      if (comm.rank() == 0) thrown.arrive_and_wait();
    }
  });
  EXPECT_EQ(tests::nccl_aborts(), 2);
}

TEST(PretendedNccl, SaysNoMoreAfterItWasGivenUp) {
  tests::pretend_nccl(NcclFault::kNone);
  const auto comm = core::make_self_communicator();
  const auto engine = make_cuda_copy_engine();
  const auto transport = make_nccl_library(engine)->open(*comm);
  transport->abandon();
  int64_t value = 1;
  try {
    transport->sum(&value, 1);
    FAIL() << "nothing was thrown";
  } catch (const core::Error& error) {
    EXPECT_EQ(error.message(), "NCCL's sum between 1 ranks failed on rank 0: an earlier operation failed on this rank");
    EXPECT_NE(error.remedy().find("NCCL_DEBUG"), std::string::npos);
  }
}

TEST(PretendedNccl, IsntTriedBetweenRanksThatShareAGpuOrPretendADevice) {
  tests::pretend_nccl(NcclFault::kStart);
  tests::run_ranks(2, [](core::Communicator& comm) {
    const auto engine = make_cuda_copy_engine();
    const DeviceReport report = make_nccl_library(engine)->look();
    EXPECT_EQ(report.device, "01" + std::string(30, '0'));
    EXPECT_NE(report.place.find(", GPU 0000:00:00.0"), std::string::npos) << report.place;
    const auto error_with = [&](const std::shared_ptr<CopyEngine>& memory) {
      try {
        (void)make_device_transport(comm, memory, "nccl");
      } catch (const core::Error& error) {
        return error.message();
      }
      return std::string("none");
    };
    EXPECT_NE(error_with(engine).find("ranks 0 and 1 share one GPU"), std::string::npos);
    EXPECT_NE(error_with(std::make_shared<tests::HostCopyEngine>()).find("the device's memory isn't a GPU's"), std::string::npos);
  });
}

}  // namespace
}  // namespace cohort::trainer
