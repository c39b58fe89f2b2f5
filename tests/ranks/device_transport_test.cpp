// Devices' memories by way of the host, between real ranks.
#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/support/host_copy_engine.h"
#include "tests/support/world.h"
#include "trainer/device/device_transport.h"

namespace cohort::trainer {
namespace {

/// The bytes of the pieces from one rank to another; any pair, also those between which nothing goes.
using PieceSizes = std::vector<std::size_t> (*)(int from, int to);

std::byte sent_byte(int from, int to, std::size_t piece, std::size_t i, int round) {
  const auto mixed = i * 7 + i / 256 + piece * 3 + static_cast<std::size_t>(from * 31 + to * 5 + round);
  return static_cast<std::byte>(mixed & 0xff);
}

/// One exchange: memory on both sides, and what has to come.
class Exchange {
 public:
  Exchange(core::Communicator& comm, CopyEngine& engine, PieceSizes sizes, int round) {
    for (int other = 0; other < comm.size(); ++other) {
      if (other == comm.rank()) continue;
      const std::vector<std::size_t> to = sizes(comm.rank(), other), from = sizes(other, comm.rank());
      for (std::size_t p = 0; p < to.size(); ++p) {
        std::byte* const memory = keep(engine, to[p]);
        for (std::size_t i = 0; i < to[p]; ++i) memory[i] = sent_byte(comm.rank(), other, p, i, round);
        send_.push_back({.rank = other, .memory = memory, .bytes = to[p]});
      }
      for (std::size_t p = 0; p < from.size(); ++p) {
        receive_.push_back({.rank = other, .memory = keep(engine, from[p]), .bytes = from[p]});
        std::vector<std::byte>& right = right_.emplace_back(from[p]);
        for (std::size_t i = 0; i < from[p]; ++i) right[i] = sent_byte(other, comm.rank(), p, i, round);
      }
    }
    // Between two ranks the order is what matches: which rank is named first is each rank's own affair.
    if (comm.rank() % 2 == 1) std::stable_sort(send_.begin(), send_.end(), [](const SentPiece& a, const SentPiece& b) { return a.rank > b.rank; });
  }
  void start(DeviceTransport& transport) { transport.exchange(send_, receive_); }
  bool came() const {
    for (std::size_t p = 0; p < receive_.size(); ++p) {
      if (!std::equal(right_[p].begin(), right_[p].end(), receive_[p].memory)) return false;
    }
    return true;
  }

 private:
  std::byte* keep(CopyEngine& engine, std::size_t bytes) { return memory_.emplace_back(engine.device_memory(bytes)).get(); }

  std::vector<std::shared_ptr<std::byte>> memory_;
  std::vector<SentPiece> send_;
  std::vector<ReceivedPiece> receive_;
  std::vector<std::vector<std::byte>> right_;
};

void check_exchanges(PieceSizes sizes, int rounds) {
  core::Communicator& comm = tests::world();
  const auto engine = std::make_shared<tests::HostCopyEngine>();
  {
    const auto transport = make_staged_transport(comm, engine);
    for (int round = 0; round < rounds; ++round) {
      Exchange exchange(comm, *engine, sizes, round);
      exchange.start(*transport);
      transport->let_computing_wait();
      ASSERT_TRUE(exchange.came()) << "round " << round;
    }
  }
  EXPECT_EQ(engine->locked(), 0);
}

TEST(StagedTransport, ExchangesPiecesOfDifferentSizes) {
  check_exchanges([](int from, int to) { return std::vector<std::size_t>{static_cast<std::size_t>(100 * from + 10 * to + 1)}; }, 50);
}

TEST(StagedTransport, ExchangesSeveralPiecesBetweenTwoRanksInTheOrderInWhichTheyAreNamed) {
  check_exchanges([](int from, int to) { return std::vector<std::size_t>{3, std::size_t(from + 1), 3, std::size_t(64 * to), 0, 5}; }, 20);
}

TEST(StagedTransport, ExchangesNothingBetweenSomeRanks) {
  check_exchanges([](int from, int to) { return (from + to) % 2 == 0 ? std::vector<std::size_t>{} : std::vector<std::size_t>{40, 2}; }, 20);
  check_exchanges([](int from, int /*to*/) { return from == 0 ? std::vector<std::size_t>{1000} : std::vector<std::size_t>{}; }, 20);
  check_exchanges([](int /*from*/, int /*to*/) { return std::vector<std::size_t>{}; }, 3);
}

TEST(StagedTransport, ExchangesPiecesThatFillNoPacketEvenly) {
  check_exchanges([](int from, int to) { return std::vector<std::size_t>{std::size_t((5 << 20) + from), std::size_t(300'001 * (to + 1))}; }, 3);
}

TEST(StagedTransport, AddsIntegersThatNoRealCouldHold) {
  core::Communicator& comm = tests::world();
  const auto engine = std::make_shared<tests::HostCopyEngine>();
  const auto transport = make_staged_transport(comm, engine);
  for (const std::size_t count : {std::size_t{1}, std::size_t{1000}, std::size_t{400'001}, std::size_t{0}, std::size_t{7}}) {
    const std::shared_ptr<std::byte> memory = engine->device_memory(count * sizeof(int64_t));
    auto* const values = reinterpret_cast<int64_t*>(memory.get());
    const auto value = [](uint64_t factor, std::size_t i) { return static_cast<int64_t>(factor * ((uint64_t{1} << 61) + 3 * i + 1)); };
    for (std::size_t i = 0; i < count; ++i) values[i] = value(static_cast<uint64_t>(comm.rank()) + 1, i);
    transport->sum(values, count);
    transport->let_computing_wait();
    const auto ranks = static_cast<uint64_t>(comm.size());
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < count; ++i) wrong += values[i] != value(ranks * (ranks + 1) / 2, i) ? 1U : 0U;
    EXPECT_EQ(wrong, 0U) << count << " integers";
  }
}

TEST(StagedTransport, CarriesWhatWasStartedTogether) {
  core::Communicator& comm = tests::world();
  const auto engine = std::make_shared<tests::HostCopyEngine>();
  const auto transport = make_staged_transport(comm, engine);
  for (int round = 0; round < 10; ++round) {
    const PieceSizes small = [](int from, int to) { return std::vector<std::size_t>{static_cast<std::size_t>(from + 2 * to)}; };
    const PieceSizes large = [](int from, int to) { return std::vector<std::size_t>{100'000, static_cast<std::size_t>(from + to) * 1000}; };
    Exchange first(comm, *engine, small, round), second(comm, *engine, large, round + 1);
    std::vector<int64_t> values{comm.rank() + 1, -comm.rank()};
    first.start(*transport);
    transport->sum(values.data(), values.size());
    second.start(*transport);
    transport->let_computing_wait();
    transport->let_computing_wait();  // nothing is left to wait for
    const int64_t ranks = comm.size();
    EXPECT_EQ(values, (std::vector<int64_t>{ranks * (ranks + 1) / 2, -ranks * (ranks - 1) / 2}));
    EXPECT_TRUE(first.came() && second.came()) << "round " << round;
  }
}

TEST(DeviceTransport, IsByWayOfTheHostWhereThatIsAskedFor) {
  core::Communicator& comm = tests::world();
  const auto engine = std::make_shared<tests::HostCopyEngine>();
  const auto transport = make_device_transport(comm, engine, "host");
  EXPECT_EQ(transport->name(), comm.size() == 1 ? "one rank" : "messages by way of the host");
  EXPECT_EQ(transport->capturable(), comm.size() == 1);
  int64_t value = 1;
  transport->sum(&value, 1);
  transport->let_computing_wait();
  EXPECT_EQ(value, comm.size());
}

TEST(DeviceTransport, OfAnUnknownKindIsTheSameErrorOnAllRanks) {
  core::Communicator& comm = tests::world();
  try {
    // Only the last rank asks for it.
    (void)make_device_transport(comm, std::make_shared<tests::HostCopyEngine>(), comm.rank() == comm.size() - 1 ? "carrier pigeons" : "host");
    FAIL() << "nothing was thrown";
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    EXPECT_EQ(error.message(), "there is no way \"carrier pigeons\" between devices");
    EXPECT_TRUE(error.everywhere());
  }
}

#ifndef COHORT_WITH_CUDA
TEST(DeviceTransport, OfABuildWithoutCudaIsByWayOfTheHost) {
  core::Communicator& comm = tests::world();
  const auto engine = std::make_shared<tests::HostCopyEngine>();
  EXPECT_EQ(make_device_transport(comm, engine, "auto")->name(), comm.size() == 1 ? "one rank" : "messages by way of the host");
  try {
    (void)make_device_transport(comm, engine, "nccl");
    FAIL() << "nothing was thrown";
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    EXPECT_NE(error.message().find("this build has no CUDA"), std::string::npos);
    EXPECT_NE(error.remedy().find("COHORT_CUDA"), std::string::npos);
  }
}
#endif

}  // namespace
}  // namespace cohort::trainer
