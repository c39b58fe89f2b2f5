#include "core/flight/recorder.h"

#include <numeric>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/flight/flight_file.h"

namespace cohort::core {
namespace {

FlightSnapshot snapshot(const Recorder& recorder) { return parse_flight(recorder.bytes(), "memory"); }

void pass_time(int64_t ns) {
  for (const int64_t end = flight_now_ns() + ns; flight_now_ns() < end;) {
  }
}

int64_t sum(const std::array<int64_t, kPhases>& times) { return std::accumulate(times.begin(), times.end(), int64_t{0}); }

int64_t of(const std::array<int64_t, kPhases>& times, Phase phase) { return times[static_cast<std::size_t>(phase)]; }

TEST(Recorder, GivesEveryNanosecondOfTheMainThreadToOnePhase) {
  const int64_t before = flight_now_ns();
  Recorder recorder;
  const int64_t begun = flight_now_ns();
  {
    const Span forward(recorder, Phase::kForward);
    pass_time(2'000'000);
    {
      const Span lookup(recorder, Phase::kLookup);
      pass_time(1'000'000);
      const Wait waiting(recorder, OperationLabel::of("barrier"), recorder.call(OperationLabel::of("barrier")));
      pass_time(3'000'000);
    }
    pass_time(1'000'000);
  }
  const int64_t ended = flight_now_ns();
  const auto times = recorder.phase_ns();
  const int64_t after = flight_now_ns();
  EXPECT_GE(sum(times), ended - begun);
  EXPECT_LE(sum(times), after - before);
  EXPECT_GE(of(times, Phase::kForward), 3'000'000);
  EXPECT_GE(of(times, Phase::kLookup), 1'000'000);
  EXPECT_GE(of(times, Phase::kCommunication), 3'000'000);
  EXPECT_EQ(of(times, Phase::kBackward), 0);
  // The inner spans' time isn't the outer one's.
  EXPECT_LE(of(times, Phase::kForward), after - before - 4'000'000);
}

TEST(Recorder, KeepsWhatWasRecorded) {
  Recorder recorder;
  recorder.step(17, 2);
  const int64_t at = flight_now_ns();
  recorder.event(EventKind::kSpan, Phase::kBackward, "a name of 16 let", at, at + 250, 3, 4096, 12, 7);
  const FlightSnapshot flight = snapshot(recorder);
  EXPECT_EQ(flight.state, FlightState::kRunning);
  EXPECT_EQ(flight.step, 17);
  EXPECT_EQ(flight.epoch, 2);
  ASSERT_EQ(flight.events.size(), 1);
  const FlightSnapshot::Event& event = flight.events.front();
  EXPECT_EQ(event.begin_ns, at);
  EXPECT_EQ(event.duration_ns, 250);
  EXPECT_EQ(event.kind, EventKind::kSpan);
  EXPECT_EQ(event.phase, Phase::kBackward);
  EXPECT_EQ(event.name, "a name of 16 let");
  EXPECT_EQ(event.track, 3);
  EXPECT_EQ(event.step, 17);
  EXPECT_EQ(event.count, 4096);
  EXPECT_EQ(event.sequence, 12);
  EXPECT_EQ(event.detail, 7);
}

TEST(Recorder, SaysWhatItWaitsForAndForgetsItAfterwards) {
  Recorder recorder;
  const OperationLabel label = OperationLabel::of("all-reduce", 9, 16);
  recorder.call(OperationLabel::of("barrier"));
  const uint64_t sequence = recorder.call(label);
  {
    const Wait waiting(recorder, label, sequence);
    const FlightSnapshot flight = snapshot(recorder);
    EXPECT_EQ(flight.called, 2);
    EXPECT_EQ(flight.waiting.kind, WaitKind::kCollective);
    EXPECT_EQ(flight.waiting.call, 2);
    EXPECT_EQ(flight.waiting.name, "all-reduce");
    EXPECT_EQ(flight.waiting.count, 9);
    EXPECT_EQ(flight.phase, Phase::kCommunication);
    ASSERT_EQ(flight.calls.size(), 2);
    EXPECT_EQ(flight.calls.at(1).name, "barrier");
    EXPECT_EQ(flight.calls.at(2).count, 9);
  }
  const FlightSnapshot flight = snapshot(recorder);
  EXPECT_EQ(flight.waiting.kind, WaitKind::kNone);
  EXPECT_EQ(flight.phase, Phase::kOther);
  ASSERT_EQ(flight.events.size(), 1);
  EXPECT_EQ(flight.events.front().kind, EventKind::kCollective);
  EXPECT_EQ(flight.events.front().sequence, 2);
}

TEST(Recorder, LetsTheFirstLastWordStand) {
  Recorder recorder;
  EXPECT_TRUE(recorder.running());
  recorder.failed("the disk is full");
  recorder.finished();
  EXPECT_FALSE(recorder.running());
  const FlightSnapshot flight = snapshot(recorder);
  EXPECT_EQ(flight.state, FlightState::kFailed);
  EXPECT_EQ(flight.message, "the disk is full");
  EXPECT_FALSE(flight.out_of_memory);
}

TEST(Recorder, RemembersThePhaseThatAnErrorWasThrownIn) {
  Recorder recorder;
  recorder.step(12, 1);
  const auto fail = [&] {
    const Span outer(recorder, Phase::kCheckpoint);
    const Span inner(recorder, Phase::kForward);
    throw std::runtime_error("the disk is full");
  };
  EXPECT_THROW(fail(), std::runtime_error);
  EXPECT_EQ(recorder.where(), "step 12, phase forward");
  { const Span handled(recorder, Phase::kCopy); }
  EXPECT_EQ(recorder.where(), "step 12, phase other");
  EXPECT_THROW(fail(), std::runtime_error);
  recorder.failed("the disk is full");
  EXPECT_EQ(snapshot(recorder).phase, Phase::kForward);
}

TEST(Recorder, KeepsTheEventsOfAllThreadsWhole) {
  Recorder recorder;
  constexpr int kThreads = 4, kEach = 8000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&recorder, t] {
      for (int i = 0; i < kEach; ++i)
        recorder.event(EventKind::kSpan, Phase::kForward, "work", 1000 + i, 2000 + i, static_cast<Track>(t + 1), static_cast<uint64_t>(i), 0, static_cast<uint32_t>(t));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(recorder.events(), uint64_t{kThreads} * kEach);
  const FlightSnapshot flight = snapshot(recorder);
  ASSERT_EQ(flight.events.size(), std::size_t{kThreads} * kEach);
  std::vector<uint64_t> last(kThreads);
  for (const FlightSnapshot::Event& event : flight.events) {
    ASSERT_GE(event.track, 1);
    ASSERT_LE(event.track, kThreads);
    ASSERT_EQ(event.detail, event.track - 1U);
    ASSERT_EQ(event.begin_ns, 1000 + static_cast<int64_t>(event.count));
    ASSERT_EQ(event.duration_ns, 1000);
    last[event.track - 1U] = event.count;
  }
  for (const uint64_t of_thread : last) EXPECT_EQ(of_thread, kEach - 1);
}

TEST(Recorder, KeepsTheLatestEvents) {
  Recorder recorder;
  for (uint64_t i = 0; i < 100'000; ++i) recorder.event(EventKind::kMark, Phase::kOther, "mark", 5, 5, 0, i);
  const FlightSnapshot flight = snapshot(recorder);
  ASSERT_EQ(flight.events.size(), 32768);
  for (std::size_t i = 0; i < flight.events.size(); ++i) ASSERT_EQ(flight.events[i].count, 100'000 - 32768 + i);
}

TEST(Recorder, KeepsOtherThreadsTimeOutOfTheMainThreadsPhases) {
  Recorder recorder;
  std::thread([&recorder] {
    const TrackSpan span(recorder, 1, Phase::kForward, "lane");
    pass_time(1'000'000);
  }).join();
  EXPECT_EQ(of(recorder.phase_ns(), Phase::kForward), 0);
  { const TrackSpan span(recorder, kMainTrack, Phase::kForward, "lane"); }
  EXPECT_GT(of(recorder.phase_ns(), Phase::kForward), 0);
  const FlightSnapshot flight = snapshot(recorder);
  ASSERT_EQ(flight.events.size(), 2);
  EXPECT_EQ(flight.events[0].track, 1);
  EXPECT_EQ(flight.events[1].track, 0);
}

TEST(Recorder, TellsAListenerOfEverySpan) {
  class Listener final : public SpanListener {
   public:
    void begin(Phase phase, const char* name) override { told += std::string(to_string(phase)) + ":" + name + "("; }
    void end() override { told += ")"; }
    std::string told;
  } listener;
  Recorder recorder;
  recorder.listen(&listener);
  {
    const Span outer(recorder, Phase::kBackward);
    const TrackSpan inner(recorder, 2, Phase::kForward, "lane");
  }
  EXPECT_EQ(listener.told, "backward:backward(forward:lane())");
}

}  // namespace
}  // namespace cohort::core
