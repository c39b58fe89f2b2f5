// The choice of a transport, with a library between devices that fails in every way: all ranks decide alike, none hangs, and what they get works.
#include <condition_variable>
#include <map>
#include <mutex>
#include <sstream>
#include <vector>

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include "core/error.h"
#include "tests/support/host_copy_engine.h"
#include "tests/support/thread_communicator.h"
#include "trainer/device/transport_probe.h"

namespace cohort::trainer {
namespace {

/// What goes wrong, on the last rank alone.
enum class Fault {
  kNone,
  kNoDevice,
  kSharedDevice,
  kOtherVersion,
  kLookThrows,
  kOpenThrows,
  kStartThrows,
  kNeverSends,
  kNeverAdds,
  kFailsLater,
  kTornBytes,
  kWrongSum,
};

/// What stands for the wires: one for all ranks of a test.
struct Wires {
  std::mutex mutex;
  std::map<std::pair<int, int>, std::vector<std::vector<std::byte>>> mail;  ///< [from, to]
  std::vector<std::vector<int64_t>> added;                                  ///< one a rank
  int open = 0, abandoned = 0;
};

/// As a library does it that has threads of its own: nothing blocks, and a rank that doesn't take part is waited for for ever.
class FaultyTransport final : public DirectTransport {
 public:
  FaultyTransport(Wires& wires, int rank, int ranks, Fault fault) : wires_(wires), rank_(rank), ranks_(static_cast<std::size_t>(ranks)), fault_(fault) {
    const std::lock_guard lock(wires_.mutex);
    ++wires_.open;
  }
  ~FaultyTransport() override {
    const std::lock_guard lock(wires_.mutex);
    --wires_.open;
  }

  void exchange(std::span<const SentPiece> send, std::span<const ReceivedPiece> receive) override {
    if (fault_ == Fault::kStartThrows) throw core::failed_error("the cable is loose");
    const std::lock_guard lock(wires_.mutex);
    for (const SentPiece& piece : send) {
      if (fault_ == Fault::kNeverSends) continue;
      std::vector<std::byte>& letter = wires_.mail[{rank_, piece.rank}].emplace_back(piece.memory, piece.memory + piece.bytes);
      if (fault_ == Fault::kTornBytes && piece.bytes > 1000) letter[letter.size() - 1] ^= std::byte{1};
    }
    receive_.assign(receive.begin(), receive.end());
  }
  void sum(int64_t* values, std::size_t count) override {
    const std::lock_guard lock(wires_.mutex);
    values_ = {values, count};
    if (fault_ == Fault::kNeverAdds) return;
    wires_.added.emplace_back(values, values + count);
    if (fault_ == Fault::kWrongSum) ++wires_.added.back()[count - 1];
  }
  void let_computing_wait() override {}
  bool finished() override {
    if (fault_ == Fault::kFailsLater) throw core::failed_error("the switch is on fire");
    const std::lock_guard lock(wires_.mutex);
    std::map<int, std::size_t> pieces;
    for (const ReceivedPiece& piece : receive_) ++pieces[piece.rank];
    for (const auto& [from, number] : pieces) {
      if (wires_.mail[{from, rank_}].size() < number) return false;
    }
    if (wires_.added.size() < ranks_) return false;
    std::map<int, std::size_t> next;
    for (const ReceivedPiece& piece : receive_) {
      const std::vector<std::byte>& letter = wires_.mail[{piece.rank, rank_}][next[piece.rank]++];
      EXPECT_EQ(letter.size(), piece.bytes);
      std::copy(letter.begin(), letter.end(), piece.memory);
    }
    for (std::size_t i = 0; i < values_.size(); ++i) {
      uint64_t sum = 0;
      for (const std::vector<int64_t>& values : wires_.added) sum += static_cast<uint64_t>(values[i]);
      values_[i] = static_cast<int64_t>(sum);
    }
    return true;
  }
  void abandon() noexcept override {
    const std::lock_guard lock(wires_.mutex);
    ++wires_.abandoned;
  }
  bool capturable() const override { return true; }
  std::string name() const override { return "wires 1.0"; }

 private:
  Wires& wires_;
  int rank_;
  std::size_t ranks_;
  Fault fault_;
  std::vector<ReceivedPiece> receive_;
  std::span<int64_t> values_;
};

class FaultyLibrary final : public DirectLibrary {
 public:
  FaultyLibrary(Wires& wires, const core::Communicator& comm, Fault fault)
      : wires_(wires), rank_(comm.rank()), last_(rank_ == comm.size() - 1), fault_(last_ ? fault : Fault::kNone) {}

  DeviceReport look() override {
    if (fault_ == Fault::kLookThrows) throw core::failed_error("the driver is asleep");
    DeviceReport report;
    report.version = fault_ == Fault::kOtherVersion ? "wires 2.0" : "wires 1.0";
    report.device = fault_ == Fault::kSharedDevice ? "device 0" : "device " + std::to_string(rank_);
    report.place = "node7, slot \xff";  // no UTF-8: drivers say what they like
    if (fault_ == Fault::kNoDevice) report.problem = "no device is plugged in";
    return report;
  }
  std::unique_ptr<DirectTransport> open(core::Communicator& comm) override {
    core::together(comm, [&] {
      if (fault_ == Fault::kOpenThrows) throw core::failed_error("the door is locked");
    });
    return std::make_unique<FaultyTransport>(wires_, rank_, comm.size(), fault_);
  }

 private:
  Wires& wires_;
  int rank_;
  bool last_;
  Fault fault_;
};

struct Case {
  Fault fault;
  const char* reason;  ///< what people read
  bool opened;         ///< whether a transport was there to be given up
};
const Case kCases[] = {
    {Fault::kNoDevice, "no device is plugged in", false},
    {Fault::kSharedDevice, "share one GPU (node7, slot \xEF\xBF\xBD), and wires 1.0 wants one for each", false},
    {Fault::kOtherVersion, "has wires 2.0", false},
    {Fault::kOpenThrows, "the door is locked", false},
    {Fault::kStartThrows, "the cable is loose", true},
    {Fault::kNeverSends, "the trial of wires 1.0 wasn't done on rank", true},
    {Fault::kNeverAdds, "the trial of wires 1.0 wasn't done on rank", true},
    {Fault::kFailsLater, "the switch is on fire", true},
    {Fault::kTornBytes, "wires 1.0 brought rank 0 wrong bytes from rank", true},
    {Fault::kWrongSum, "wires 1.0 gave rank 0 a wrong sum", true},
};
constexpr ProbeLimits kShort{.trial = std::chrono::milliseconds(150)};

/// The lines of the log since it was made.
class LogLines {
 public:
  LogLines() : sink_(std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)) { spdlog::default_logger()->sinks().push_back(sink_); }
  ~LogLines() { std::erase(spdlog::default_logger()->sinks(), sink_); }
  LogLines(const LogLines&) = delete;
  LogLines& operator=(const LogLines&) = delete;
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  std::shared_ptr<spdlog::sinks::ostream_sink_mt> sink_;
};

TEST(TransportProbe, TakesALibraryThatBringsTheRightBytes) {
  for (const int ranks : {2, 3, 5}) {
    for (const char* wish : {"auto", "nccl"}) {
      Wires wires;
      tests::run_ranks(ranks, [&](core::Communicator& comm) {
        FaultyLibrary library(wires, comm, Fault::kNone);
        const auto engine = std::make_shared<tests::HostCopyEngine>();
        const auto transport = choose_device_transport(comm, engine, wish, &library);
        EXPECT_EQ(transport->name(), "wires 1.0");
        EXPECT_TRUE(transport->capturable());
        EXPECT_EQ(engine->locked(), 0);
        comm.barrier();
        EXPECT_EQ(wires.open, ranks);
        EXPECT_EQ(wires.abandoned, 0);
        comm.barrier();
      });
    }
  }
}

TEST(TransportProbe, GoesByWayOfTheHostOnAllRanksWhereOneFailsAndSaysWhyOnce) {
  for (const Case& failing : kCases) {
    for (const int ranks : {2, 4}) {
      Wires wires;
      const LogLines log;
      tests::run_ranks(ranks, [&](core::Communicator& comm) {
        FaultyLibrary library(wires, comm, failing.fault);
        const auto engine = std::make_shared<tests::HostCopyEngine>();
        const auto transport = choose_device_transport(comm, engine, "auto", &library, kShort);
        EXPECT_EQ(transport->name(), "messages by way of the host") << failing.reason;
        int64_t value = comm.rank();
        transport->sum(&value, 1);
        transport->let_computing_wait();
        EXPECT_EQ(value, ranks * (ranks - 1) / 2);
      });
      EXPECT_EQ(wires.open, 0);
      EXPECT_EQ(wires.abandoned, failing.opened ? ranks : 0) << failing.reason;
      const std::string text = log.text();
      EXPECT_NE(text.find(failing.reason), std::string::npos) << text;
      EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
    }
  }
}

TEST(TransportProbe, IsTheSameErrorOnAllRanksWhereTheLibraryIsDemanded) {
  for (const Case& failing : kCases) {
    Wires wires;
    std::vector<std::string> messages(3);
    tests::run_ranks(3, [&](core::Communicator& comm) {
      FaultyLibrary library(wires, comm, failing.fault);
      try {
        (void)choose_device_transport(comm, std::make_shared<tests::HostCopyEngine>(), "nccl", &library, kShort);
        ADD_FAILURE() << "nothing was thrown: " << failing.reason;
      } catch (const core::Error& error) {
        EXPECT_EQ(error.exit(), core::Exit::kFailed);
        EXPECT_TRUE(error.everywhere());
        EXPECT_NE(error.remedy().find("\"host\""), std::string::npos);
        messages[static_cast<std::size_t>(comm.rank())] = error.message();
      }
    });
    EXPECT_NE(messages[0].find(failing.reason), std::string::npos) << messages[0];
    EXPECT_EQ(messages, std::vector<std::string>(3, messages[0]));
    EXPECT_EQ(wires.open, 0);
  }
}

TEST(TransportProbe, IsAnErrorOnAllRanksWhereALookAtTheDeviceThrows) {
  Wires wires;
  tests::run_ranks(2, [&](core::Communicator& comm) {
    FaultyLibrary library(wires, comm, Fault::kLookThrows);
    EXPECT_THROW((void)choose_device_transport(comm, std::make_shared<tests::HostCopyEngine>(), "auto", &library), core::Error);
  });
}

TEST(TransportProbe, TriesNothingWhereTheHostIsAskedForOrARankIsAlone) {
  Wires wires;
  for (const int ranks : {1, 2}) {
    tests::run_ranks(ranks, [&](core::Communicator& comm) {
      FaultyLibrary library(wires, comm, Fault::kOpenThrows);
      const auto transport = choose_device_transport(comm, std::make_shared<tests::HostCopyEngine>(), ranks == 1 ? "nccl" : "host", &library);
      EXPECT_EQ(transport->name(), ranks == 1 ? "one rank" : "messages by way of the host");
    });
  }
}

TEST(TransportProbe, RefusesRanksThatWantDifferentWays) {
  Wires wires;
  tests::run_ranks(3, [&](core::Communicator& comm) {
    FaultyLibrary library(wires, comm, Fault::kNone);
    try {
      (void)choose_device_transport(comm, std::make_shared<tests::HostCopyEngine>(), comm.rank() == 1 ? "host" : "auto", &library);
      ADD_FAILURE() << "nothing was thrown";
    } catch (const core::Error& error) {
      EXPECT_EQ(error.message(), "rank 0 wants \"auto\" between devices, and rank 1 wants \"host\"");
    }
  });
}

TEST(UntilAll, WaitsForTheSlowestAndEndsForAllWhenOneFailsOrTimeIsUp) {
  tests::run_ranks(3, [](core::Communicator& comm) {
    int looks = 0;
    until_all(comm, std::chrono::seconds(60), "waiting", [&] { return ++looks > 100 * comm.rank(); });
    EXPECT_EQ(looks, 100 * comm.rank() + 1);  // never again once it is true
    try {
      until_all(comm, std::chrono::milliseconds(50), "waiting", [&] { return comm.rank() != 1; });
      ADD_FAILURE() << "nothing was thrown";
    } catch (const core::Error& error) {
      EXPECT_EQ(error.message(), "waiting wasn't done on rank 1 after 0.05 s");
      EXPECT_TRUE(error.everywhere());
    }
    EXPECT_THROW(until_all(comm, std::chrono::seconds(60), "waiting",
                           [&] {
                             if (comm.rank() == 2) throw core::failed_error("rank 2 is ill");
                             return false;
                           }),
                 core::Error);
  });
}

}  // namespace
}  // namespace cohort::trainer
