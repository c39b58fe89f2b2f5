// Bytes by way of the host between devices whose streams run as late as their marks allow, and what a transport refuses. Between real ranks:
// tests/ranks/device_transport_test.cpp.
#include <algorithm>
#include <array>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/philox.h"
#include "tests/support/host_copy_engine.h"
#include "tests/support/slow_device.h"
#include "tests/support/thread_communicator.h"
#include "trainer/device/device_transport.h"

namespace cohort::trainer {
namespace {

using tests::HostCopyEngine;
using tests::SlowDevice;

/// Each rank computes numbers on its device, sends some to the next rank and some to the rank before, adds a counter over all ranks, and computes
/// with what came.
void travel_in_a_ring(core::Communicator& comm, uint64_t seed) {
  constexpr std::size_t kNumbers = 50;
  constexpr int kSteps = 12;
  const core::KeyedRandom random(seed, "streams", static_cast<uint32_t>(comm.rank()), 0);
  uint64_t drawn = 0;
  const auto device = std::make_shared<SlowDevice>();
  const int ranks = comm.size(), rank = comm.rank(), next = (rank + 1) % ranks, before = (rank + ranks - 1) % ranks;
  std::array<std::vector<int32_t>, 4> memory;  // sent to the next and to the rank before, received from either
  for (std::vector<int32_t>& numbers : memory) numbers.assign(kNumbers, -1);
  const auto bytes_of = [&](int number) { return reinterpret_cast<std::byte*>(memory[static_cast<std::size_t>(number)].data()); };
  int64_t counter = 0;
  int checked = 0;
  {
    const auto transport = make_staged_transport(comm, device);
    for (int step = 0; step < kSteps; ++step) {
      device->compute([&, step] {
        for (int to : {0, 1}) std::fill(memory[static_cast<std::size_t>(to)].begin(), memory[static_cast<std::size_t>(to)].end(), 1000 * step + 10 * rank + to);
        counter = step + rank;
      });
      // The number of bytes changes, so that buffers grow while copies are under way.
      const std::size_t bytes = sizeof(int32_t) * (1 + (static_cast<std::size_t>(step) * 17 + seed) % kNumbers);
      std::vector<SentPiece> send{{.rank = next, .memory = bytes_of(0), .bytes = bytes}, {.rank = before, .memory = bytes_of(1), .bytes = bytes}};
      std::vector<ReceivedPiece> receive{{.rank = before, .memory = bytes_of(2), .bytes = bytes}, {.rank = next, .memory = bytes_of(3), .bytes = bytes}};
      transport->exchange(send, receive);
      transport->sum(&counter, 1);
      for (uint64_t n = random.u64(drawn++) % 8; n > 0; --n) device->advance(random.u64(drawn++) % 2 == 0 ? device->copies : device->computing);
      transport->let_computing_wait();
      device->compute([&, step, last = bytes / sizeof(int32_t) - 1] {
        EXPECT_EQ(memory[2][last], 1000 * step + 10 * before);
        EXPECT_EQ(memory[3][last], 1000 * step + 10 * next + 1);
        EXPECT_EQ(counter, ranks * step + ranks * (ranks - 1) / 2);
        ++checked;
      });
      for (uint64_t n = random.u64(drawn++) % 8; n > 0; --n) device->advance(random.u64(drawn++) % 2 == 0 ? device->copies : device->computing);
    }
  }
  while (device->advance(device->copies) || device->advance(device->computing)) {
  }
  EXPECT_EQ(checked, kSteps);
  EXPECT_EQ(device->locked(), 0U);
}

TEST(StagedTransport, BringsWhatWasComputedBeforeHoweverTheDevicesStreamsRun) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    tests::run_ranks(3 + static_cast<int>(seed % 2), [seed](core::Communicator& comm) { travel_in_a_ring(comm, seed); });
    if (testing::Test::HasFailure()) FAIL() << "seed " << seed;
  }
}

TEST(StagedTransport, WaitsForItsCopiesWhenItIsDestroyedInMidAir) {
  tests::run_ranks(2, [](core::Communicator& comm) {
    const auto device = std::make_shared<SlowDevice>();
    std::vector<std::byte> memory(100);
    {
      const auto transport = make_staged_transport(comm, device);
      const SentPiece piece{.rank = 1 - comm.rank(), .memory = memory.data(), .bytes = memory.size()};
      transport->exchange({&piece, 1}, {});  // the other end's piece is never named: nobody gets so far
    }
    EXPECT_EQ(device->copies.done, device->copies.asked.size());
    EXPECT_EQ(device->locked(), 0U);
  });
}

TEST(StagedTransport, OfOneRankMovesNothing) {
  const auto comm = core::make_self_communicator();
  const auto device = std::make_shared<SlowDevice>();
  const auto transport = make_staged_transport(*comm, device);
  int64_t value = 7;
  transport->sum(&value, 1);
  transport->exchange({}, {});
  transport->let_computing_wait();
  EXPECT_EQ(value, 7);
  EXPECT_TRUE(device->copies.asked.empty() && device->computing.asked.empty());
}

TEST(StagedTransport, RefusesPiecesOfRanksThatAreNotThere) {
  const auto comm = core::make_self_communicator();
  const auto transport = make_staged_transport(*comm, std::make_shared<HostCopyEngine>());
  std::byte byte{};
  for (const int rank : {-1, 0, 1}) {
    const SentPiece sent{.rank = rank, .memory = &byte, .bytes = 1};
    const ReceivedPiece received{.rank = rank, .memory = &byte, .bytes = 1};
    EXPECT_THROW(transport->exchange({&sent, 1}, {}), core::Error) << rank;
    EXPECT_THROW(transport->exchange({}, {&received, 1}), core::Error) << rank;
  }
}

/// The error that comes of two ranks' different ideas of what is moved.
core::Error error_of(const std::function<void(DeviceTransport& transport, int rank)>& work) {
  try {
    tests::run_ranks(2, [&](core::Communicator& comm) {
      const auto transport = make_staged_transport(comm, std::make_shared<HostCopyEngine>());
      work(*transport, comm.rank());
      transport->let_computing_wait();
    });
  } catch (const core::Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return core::failed_error("");
}

TEST(StagedTransport, NamesTheRankAndTheBytesWhereSizesDiffer) {
  std::array<std::byte, 16> memory{};
  const core::Error error = error_of([&](DeviceTransport& transport, int rank) {
    const SentPiece sent{.rank = 1, .memory = memory.data(), .bytes = 8};
    const ReceivedPiece received{.rank = 0, .memory = memory.data() + 8, .bytes = 7};
    transport.exchange(rank == 0 ? std::span(&sent, 1) : std::span<const SentPiece>(), rank == 1 ? std::span(&received, 1) : std::span<const ReceivedPiece>());
  });
  EXPECT_EQ(error.exit(), core::Exit::kFailed);
  const std::string text = error.what();
  EXPECT_NE(text.find("of the device's memory by way of the host"), std::string::npos) << text;
}

TEST(StagedTransport, NamesTheOperationsWhereOneRankAddsAndTheOtherExchanges) {
  int64_t values[2] = {1, 2};
  const core::Error error = error_of([&](DeviceTransport& transport, int rank) {
    const SentPiece sent{.rank = 0, .memory = reinterpret_cast<std::byte*>(&values[1]), .bytes = 8};
    if (rank == 0) transport.sum(values, 1);
    if (rank == 1) transport.exchange({&sent, 1}, {});
  });
  const std::string text = error.what();
  EXPECT_NE(text.find("all-reduce"), std::string::npos) << text;
  EXPECT_NE(text.find("all-to-all"), std::string::npos) << text;
  EXPECT_NE(text.find("by way of the host"), std::string::npos) << text;
}

}  // namespace
}  // namespace cohort::trainer
