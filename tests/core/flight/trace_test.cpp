#include "core/flight/trace.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cohort::core {
namespace {

using nlohmann::json;
using Event = FlightSnapshot::Event;

constexpr int64_t kStart = 1'000'000;

Event span(int64_t begin, int64_t end, const char* name = "span", Track track = kMainTrack, uint64_t step = 0) {
  return {.begin_ns = kStart + begin, .duration_ns = end - begin, .kind = EventKind::kSpan, .phase = Phase::kForward, .track = track, .name = name, .step = step};
}
Event call(int64_t begin, int64_t end, uint64_t sequence) {
  return {.begin_ns = kStart + begin, .duration_ns = end - begin, .kind = EventKind::kCollective, .phase = Phase::kCommunication, .name = "broadcast", .sequence = sequence, .count = 8};
}

Flights flights_of(std::vector<std::vector<Event>> events) {
  Flights flights;
  flights.world = static_cast<int>(events.size());
  flights.attempt = 1;
  for (auto& one : events) {
    FlightSnapshot rank;
    rank.rank = static_cast<int>(flights.ranks.size());
    rank.world = flights.world;
    rank.pid = 100 + rank.rank;
    rank.host = "host";
    rank.state = FlightState::kFinished;
    rank.events_written = one.size();
    rank.events = std::move(one);
    flights.ranks.push_back(std::move(rank));
  }
  return flights;
}

struct Trace {
  json document;
  TraceSummary summary;

  std::vector<json> all(const std::string& ph) const {
    std::vector<json> found;
    for (const json& event : document["traceEvents"])
      if (event["ph"] == ph) found.push_back(event);
    return found;
  }
  json named(const std::string& name) const {
    for (const json& event : document["traceEvents"])
      if (event["name"] == name && event["ph"] != "M") return event;
    return {};
  }
};

int64_t ns(const json& microseconds) { return std::llround(microseconds.get<double>() * 1000); }

/// Every track's events lie within each other or side by side.
void expect_nested(const Trace& trace) {
  std::map<std::pair<int, int>, std::vector<std::pair<int64_t, int64_t>>> tracks;
  for (const json& event : trace.all("X")) {
    const int64_t begin = ns(event["ts"]);
    EXPECT_GE(begin, 0);
    EXPECT_GE(ns(event["dur"]), 0);
    tracks[{event["pid"], event["tid"]}].emplace_back(begin, begin + ns(event["dur"]));
  }
  for (const auto& [track, spans] : tracks)
    for (const auto& a : spans)
      for (const auto& b : spans) EXPECT_FALSE(a.first < b.first && b.first < a.second && a.second < b.second) << a.first << ".." << a.second << " and " << b.first << ".." << b.second;
}

Trace trace_of(const Flights& flights, const TraceOptions& options = {}) {
  std::string text;
  Trace trace;
  trace.summary = write_trace(flights, options, [&](std::string_view piece) { text += piece; });
  trace.document = json::parse(text);
  expect_nested(trace);
  return trace;
}

TEST(Trace, OfARunWithoutEventsIsWhole) {
  const Trace trace = trace_of(flights_of({{}, {}}));
  EXPECT_EQ(trace.document["displayTimeUnit"], "ms");
  EXPECT_TRUE(trace.all("X").empty());
  EXPECT_EQ(trace.document["otherData"]["ranks"].size(), 2);
  EXPECT_EQ(trace_of({}).document["traceEvents"].size(), 0);
}

TEST(Trace, NamesRanksAndTracks) {
  const Trace trace = trace_of(flights_of({{span(0, 5), span(1, 2, "forward", 3), span(0, 9, "read chunk", kLoaderTrack), span(0, 9, "read chunk", kLoaderTrack + 1),
                                            span(2, 4, "commit", kWriterTrack), span(2, 4, "kernels", kDeviceTrack)}}));
  std::map<int, std::string> names;
  for (const json& event : trace.all("M"))
    if (event["name"] == "thread_name") names[event["tid"]] = event["args"]["name"];
  const std::map<int, std::string> expected = {{0, "main"}, {3, "worker 3"}, {256, "loader"}, {257, "loader 1"}, {512, "checkpoint writer"}, {768, "device"}};
  EXPECT_EQ(names, expected);
  EXPECT_EQ(trace.all("M")[0]["args"]["name"], "rank 0 (host)");
  EXPECT_EQ(trace.named("commit")["cat"], "checkpoint");
  EXPECT_EQ(trace.named("forward")["cat"], "forward");
}

TEST(Trace, BeginsAtNothingAndKeepsEveryNanosecond) {
  const Trace trace = trace_of(flights_of({{span(1'234'567, 9'999'999, "a"), span(234'567, 234'568, "b")}}));
  EXPECT_EQ(ns(trace.named("b")["ts"]), 0);
  EXPECT_EQ(ns(trace.named("b")["dur"]), 1);
  EXPECT_EQ(ns(trace.named("a")["ts"]), 1'000'000);
  EXPECT_EQ(ns(trace.named("a")["dur"]), 8'765'432);
}

TEST(Trace, IsOnRankZerosClock) {
  Flights flights = flights_of({{call(1000, 3000, 7)}, {call(500'002'500, 500'003'100, 7)}});
  flights.ranks[1].clock_offset_ns = -500'000'000;
  const Trace trace = trace_of(flights);
  const std::vector<json> calls = trace.all("X");
  ASSERT_EQ(calls.size(), 2);
  EXPECT_EQ(ns(calls[0]["ts"]), 0);
  EXPECT_EQ(ns(calls[1]["ts"]), 1500);
}

TEST(Trace, JoinsACallOverTheRanksUpToTheOneThatCameLast) {
  const Trace trace = trace_of(flights_of({{call(10, 90, 7)}, {call(50, 90, 7), call(95, 99, 8)}, {call(30, 90, 7)}}));
  EXPECT_EQ(trace.summary.joined, 1);
  std::vector<std::pair<std::string, int>> flow;
  for (const json& event : trace.document["traceEvents"]) {
    if (event["ph"] != "s" && event["ph"] != "t" && event["ph"] != "f") continue;
    flow.emplace_back(event["ph"], event["pid"]);
    EXPECT_EQ(event["id"], 7);
  }
  EXPECT_EQ(flow, (std::vector<std::pair<std::string, int>>{{"s", 0}, {"t", 2}, {"f", 1}}));
  EXPECT_EQ(trace.all("f")[0]["bp"], "e");
  const json first = trace.all("X")[0];
  EXPECT_EQ(first["args"]["came_last"], 1);
  EXPECT_EQ(ns(first["args"]["after_first_us"]), 40);
  EXPECT_EQ(first["args"]["operation"], "broadcast of 8 bytes from rank 0");
  // Of a call that not all ranks tell of, it isn't known who came last.
  EXPECT_FALSE(trace.all("X")[2]["args"].contains("came_last"));
}

TEST(Trace, DrawsInWhatEndsAfterTheEventAroundIt) {
  const Trace trace = trace_of(flights_of({{span(0, 10, "inner"), span(0, 10, "outer"), span(5, 15, "crossing"), span(12, 20, "after"), span(20, 20, "nothing"), span(20, 30, "last")}}));
  EXPECT_EQ(trace.summary.clipped, 1);
  EXPECT_EQ(ns(trace.named("crossing")["dur"]), 5);
  EXPECT_EQ(ns(trace.named("after")["dur"]), 8);
  // Of two with the same times the one that ended later is around the other: it stands first.
  const std::vector<json> spans = trace.all("X");
  EXPECT_EQ(spans[0]["name"], "outer");
  EXPECT_EQ(spans[1]["name"], "inner");
}

TEST(Trace, NestsWhateverTheFilesHold) {
  std::vector<Event> events;
  uint64_t state = 1;
  const auto draw = [&](uint64_t n) { return static_cast<int64_t>((state = state * 6364136223846793005u + 1442695040888963407u) >> 33) % static_cast<int64_t>(n); };
  for (int i = 0; i < 400; ++i) {
    const int64_t begin = draw(50);
    events.push_back(span(begin, begin + draw(30), "x", static_cast<Track>(draw(3))));
  }
  EXPECT_EQ(trace_of(flights_of({events})).all("X").size(), 400);
  Event far{.begin_ns = int64_t{1} << 61, .duration_ns = int64_t{1} << 61, .name = "far"};
  Flights flights = flights_of({{far, Event{.name = "near"}}, {far}});
  flights.ranks[1].clock_offset_ns = (int64_t{1} << 61) - 1;
  EXPECT_EQ(trace_of(flights).all("X").size(), 3);
}

TEST(Trace, IsJsonWhateverIsNamed) {
  Flights flights = flights_of({{span(0, 1, "\"},{\\"), span(2, 3, "\xff\xfe\x80"), span(4, 5, "new\nline\ttab"), span(6, 7, "größer"), span(8, 9, "</script>")}});
  flights.ranks[0].host = "h\"\\\xc3";
  flights.ranks[0].state = FlightState::kFailed;
  flights.ranks[0].message = "no \"end\" \xff";
  const Trace trace = trace_of(flights, {.run = "run\"\xff", .last_steps = 0, .dead = {}});
  const std::vector<json> spans = trace.all("X");
  EXPECT_EQ(spans[0]["name"], "\"},{\\");
  EXPECT_EQ(spans[2]["name"], "new\nline\ttab");
  EXPECT_EQ(spans[3]["name"], "größer");
  EXPECT_EQ(trace.document["otherData"]["ranks"][0]["state"], "failed");
}

TEST(Trace, TellsWhatARankWasInWhenItDied) {
  Flights flights = flights_of({{span(0, 100)}, {span(0, 50)}});
  FlightSnapshot& died = flights.ranks[1];
  died.state = FlightState::kRunning;
  died.phase = Phase::kCommunication;
  died.phase_since_ns = kStart + 60;
  died.heartbeat_ns = kStart + 300;
  died.memory_bytes = uint64_t{77} << 20;
  died.waiting = {.kind = WaitKind::kCollective, .since_ns = kStart + 60, .call = 9, .count = 64, .detail = 0, .name = "all-reduce"};
  const Trace trace = trace_of(flights, {.run = "r", .last_steps = 0, .dead = {1}});
  const json open = trace.named("all-reduce");
  EXPECT_EQ(open["args"]["unfinished"], true);
  EXPECT_EQ(open["args"]["operation"], "all-reduce of 64 float (sum)");
  EXPECT_EQ(ns(open["ts"]), 60);
  EXPECT_EQ(ns(open["dur"]), 240);
  EXPECT_EQ(trace.document["otherData"]["dead"], json({1}));
  ASSERT_EQ(trace.all("C").size(), 1);
  EXPECT_EQ(trace.all("C")[0]["args"]["resident MiB"], 77);
  // Read while it went on, the file may hold events from after that.
  died.events.push_back(span(60, 70));
  EXPECT_TRUE(trace_of(flights).named("all-reduce").is_null());
}

TEST(Trace, ShowsTheLastStepsAlone) {
  std::vector<Event> events;
  for (int step = 0; step < 10; ++step) events.push_back(span(step * 10, step * 10 + 5, "step", kMainTrack, static_cast<uint64_t>(step)));
  const Trace trace = trace_of(flights_of({events}), {.run = "", .last_steps = 3, .dead = {}});
  ASSERT_EQ(trace.all("X").size(), 3);
  EXPECT_EQ(trace.all("X")[0]["args"]["step"], 7);
  EXPECT_EQ(ns(trace.all("X")[0]["ts"]), 0);
  EXPECT_EQ(trace_of(flights_of({events}), {.run = "", .last_steps = 50, .dead = {}}).all("X").size(), 10);
}

TEST(Trace, ShowsMarksAndCountsWhatTheRingLost) {
  Event mark = span(3, 3, "loss is high");
  mark.kind = EventKind::kMark;
  Flights flights = flights_of({{mark}});
  flights.ranks[0].events_written = 41;
  flights.world = 2;
  flights.missing = {1};
  const Trace trace = trace_of(flights);
  ASSERT_EQ(trace.all("i").size(), 1);
  EXPECT_EQ(trace.all("i")[0]["s"], "t");
  EXPECT_EQ(trace.summary.overwritten, 40);
  EXPECT_EQ(trace.document["otherData"]["missing"], json({1}));
}

}  // namespace
}  // namespace cohort::core
