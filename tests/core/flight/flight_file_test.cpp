#include "core/flight/flight_file.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include <gtest/gtest.h>

#include "core/durable_file.h"
#include "core/error.h"
#include "core/flight/evidence.h"
#include "core/flight/flight_layout.h"
#include "core/philox.h"

namespace cohort::core {
namespace {

namespace fs = std::filesystem;

class FlightFile : public testing::Test {
 protected:
  FlightFile() { fs::create_directories(run_ / "logs"); }
  ~FlightFile() override { fs::remove_all(run_); }

  void keep(Recorder& recorder, int rank, int world, int attempt = 1) {
    recorder.keep_in(flight_path(run_, rank), {.rank = rank, .world = world, .node = 0, .attempt = attempt, .timeout_seconds = 1.5, .clock_offset_ns = 0});
  }

  fs::path run_ = fs::path(testing::TempDir()) / ("flight_file_test-" + std::to_string(::getpid()));
};

/// The error of reading these bytes.
Exit exit_of(const std::string& bytes) {
  try {
    parse_flight(bytes, "some/flight-0.bin");
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("some/flight-0.bin"), std::string::npos) << error.what();
    return error.exit();
  }
  return Exit::kDone;
}

TEST_F(FlightFile, GoesOnWithWhatWasRecordedBeforeThereWasAFolder) {
  Recorder recorder;
  recorder.step(3, 1);
  recorder.mark("before");
  keep(recorder, 1, 2);
  recorder.mark("after");
  recorder.step(4, 1);
  const FlightSnapshot flight = read_flight(flight_path(run_, 1));
  EXPECT_EQ(flight.rank, 1);
  EXPECT_EQ(flight.world, 2);
  EXPECT_EQ(flight.pid, ::getpid());
  EXPECT_EQ(flight.timeout_ns, 1'500'000'000);
  EXPECT_EQ(flight.step, 4);
  EXPECT_GT(flight.memory_bytes, uint64_t{1} << 20);
  EXPECT_GT(flight.memory_limit, flight.memory_bytes);
  ASSERT_EQ(flight.events.size(), 2);
  EXPECT_EQ(flight.events[0].name, "before");
  EXPECT_EQ(flight.events[1].name, "after");
  EXPECT_TRUE(read_flight(flight_path(run_, 1), false).events.empty());
}

TEST_F(FlightFile, SurvivesTheDeathOfItsProcess) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    Recorder recorder;
    keep(recorder, 0, 1);
    recorder.step(41, 0);
    const Span span(recorder, Phase::kBackward);
    const OperationLabel label = OperationLabel::of("all-reduce", 64);
    const Wait waiting(recorder, label, recorder.call(label));
    (void)!::write(ready[1], "x", 1);
    for (;;) ::pause();
  }
  char letter = 0;
  ASSERT_EQ(::read(ready[0], &letter, 1), 1);
  Flights flights = read_flights(run_);
  EXPECT_EQ(look_for_ranks(flights).front().life, Life::kRunning);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  flights = read_flights(run_);
  ASSERT_EQ(flights.ranks.size(), 1);
  const FlightSnapshot& flight = flights.ranks.front();
  EXPECT_EQ(flight.pid, child);
  EXPECT_EQ(flight.state, FlightState::kRunning);
  EXPECT_EQ(flight.step, 41);
  EXPECT_EQ(flight.waiting.name, "all-reduce");
  EXPECT_EQ(look_for_ranks(flights).front().life, Life::kGone);
}

TEST_F(FlightFile, IsReadForTheLastAttemptAlone) {
  for (int rank = 0; rank < 3; ++rank) {
    Recorder recorder;
    keep(recorder, rank, 3);
  }
  Recorder recorder;
  keep(recorder, 1, 2, 2);
  const Flights flights = read_flights(run_);
  EXPECT_EQ(flights.attempt, 2);
  EXPECT_EQ(flights.world, 2);
  ASSERT_EQ(flights.ranks.size(), 1);
  EXPECT_EQ(flights.ranks.front().rank, 1);
  EXPECT_EQ(flights.missing, std::vector<int>{0});
}

TEST_F(FlightFile, OfOtherRanksIsReadBesideOneThatCantBe) {
  Recorder recorder;
  keep(recorder, 0, 2);
  write_file_durably(flight_path(run_, 1), std::string(5000, '\0'));
  write_file_durably(flight_path(run_, 7), "");  // of an attempt on more ranks, when the power went
  const Flights flights = read_flights(run_);
  ASSERT_EQ(flights.ranks.size(), 1);
  EXPECT_EQ(flights.missing, std::vector<int>{1});
  ASSERT_EQ(flights.unreadable.size(), 2);
  EXPECT_NE(flights.unreadable.front().find("flight-1.bin"), std::string::npos);
  std::filesystem::remove(flight_path(run_, 0));
  EXPECT_THROW(read_flights(run_), Error);
}

TEST_F(FlightFile, IsRefusedWhereItIsNone) {
  Recorder recorder;
  keep(recorder, 0, 1);
  const std::string good = read_file(flight_path(run_, 0));
  EXPECT_EQ(exit_of(good), Exit::kDone);
  EXPECT_EQ(exit_of(""), Exit::kDamaged);
  EXPECT_EQ(exit_of("{}"), Exit::kDamaged);
  EXPECT_EQ(exit_of(good.substr(0, good.size() - 1)), Exit::kDamaged);
  EXPECT_EQ(exit_of(good.substr(0, 5000)), Exit::kDamaged);
  EXPECT_EQ(exit_of(good + "x"), Exit::kDamaged);
  EXPECT_EQ(exit_of(std::string(good.size(), '\0')), Exit::kDamaged);
  EXPECT_EQ(exit_of(std::string(good.size(), '\xff')), Exit::kDamaged);
  std::string other = good;
  other[8] = 2;  // the version
  try {
    parse_flight(other, "some/flight-0.bin");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("version 2"), std::string::npos);
  }
}

TEST_F(FlightFile, NeverCrashesAReaderWhateverItHolds) {
  Recorder recorder;
  for (int i = 0; i < 200; ++i) recorder.call(OperationLabel::of("barrier"));
  for (int i = 0; i < 100; ++i) recorder.mark("mark");
  keep(recorder, 0, 2);
  const std::string good = read_file(flight_path(run_, 0));
  int refused = 0;
  for (uint32_t trial = 0; trial < 300; ++trial) {
    std::string bytes = good;
    const KeyedRandom random(20, "flight-mutation", trial);
    for (uint64_t flip = 0; flip < 24; flip += 3) {
      const uint64_t where = random.below(flip, flip % 2 == 0 ? bytes.size() : flight::kPage + sizeof(flight::Now));
      bytes[where] = static_cast<char>(random.below(flip + 1, 256));
    }
    try {
      const FlightSnapshot flight = parse_flight(bytes, "mutated");
      diagnose({{.flight = flight, .life = Life::kGone}, {.flight = flight}}, 0);
    } catch (const Error& error) {
      EXPECT_EQ(error.exit(), Exit::kDamaged);
      ++refused;
    }
  }
  EXPECT_GT(refused, 10);
}

TEST_F(FlightFile, SaysThatAFolderHoldsNone) {
  try {
    read_flights(run_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit(), Exit::kUsage);
  }
}

TEST_F(FlightFile, StaysInMemoryWhereItCantBeMade) {
  Recorder recorder;
  recorder.mark("before");
  EXPECT_THROW(recorder.keep_in(run_ / "absent" / "flight-0.bin", {}), Error);
  EXPECT_FALSE(recorder.kept());
  recorder.mark("after");
  EXPECT_EQ(recorder.events(), 2);
}

}  // namespace
}  // namespace cohort::core
