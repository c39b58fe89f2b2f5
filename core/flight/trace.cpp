#include "core/flight/trace.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/flight/diagnosis.h"

namespace cohort::core {
namespace {

constexpr std::size_t kPieceBytes = 1 << 16;

/// As a JSON string.
std::string in_quotes(std::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; });
  if (plain) return fmt::format("\"{}\"", text);
  return nlohmann::json(std::string(text)).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string_view state_name(FlightState state) {
  switch (state) {
    case FlightState::kFinished: return "finished";
    case FlightState::kStopped: return "stopped";
    case FlightState::kFailed: return "failed";
    case FlightState::kEndedByWatchdog: return "ended by its watchdog";
    case FlightState::kRunning: break;
  }
  return "running";
}

/// Of events, what a viewer can filter by.
std::string_view category(const FlightSnapshot::Event& event) {
  if (event.kind == EventKind::kCollective) return "collective";
  if (event.kind == EventKind::kMessage) return "message";
  if (event.track >= kDeviceTrack) return "device";
  if (event.track >= kWriterTrack) return "checkpoint";
  if (event.track >= kLoaderTrack) return "loader";
  return to_string(event.phase);
}

class TraceWriter {
 public:
  TraceWriter(const Flights& flights, const TraceOptions& options, const std::function<void(std::string_view)>& write) : flights_(flights), options_(options), write_(write) {
    choose_events();
    find_arrivals();
  }

  TraceSummary run() {
    put("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[");
    for (std::size_t r = 0; r < flights_.ranks.size(); ++r) write_rank(flights_.ranks[r], chosen_[r], open_[r]);
    write_flows();
    put("\n],\"otherData\":");
    put(about().dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    put("}\n");
    write_(piece_);
    return summary_;
  }

 private:
  using Event = FlightSnapshot::Event;

  /// When a rank came to wait in a collective call.
  struct Arrival {
    int64_t begin_ns;
    int rank;
    Track track;
    bool operator<(const Arrival& other) const { return std::pair(begin_ns, rank) < std::pair(other.begin_ns, other.rank); }
  };

  static int64_t begin_of(const FlightSnapshot& rank, const Event& event) { return event.begin_ns + rank.clock_offset_ns; }

  void choose_events() {
    uint64_t newest = 0;
    for (const FlightSnapshot& rank : flights_.ranks) {
      newest = std::max(newest, rank.step);
      for (const Event& event : rank.events) newest = std::max(newest, event.step);
      summary_.overwritten += rank.events_written - std::min<uint64_t>(rank.events_written, rank.events.size());
    }
    const uint64_t first = options_.last_steps == 0 || options_.last_steps > newest ? 0 : newest - options_.last_steps + 1;
    origin_ = std::numeric_limits<int64_t>::max();
    for (const FlightSnapshot& rank : flights_.ranks) {
      auto& events = chosen_.emplace_back();
      for (const Event& event : rank.events)
        if (event.step >= first) events.push_back(&event);
      summary_.events += events.size();
      for (const Event* event : events) origin_ = std::min(origin_, begin_of(rank, *event));
      open_.push_back(unfinished(rank));
      if (open_.back()) origin_ = std::min(origin_, begin_of(rank, *open_.back()));
    }
    if (origin_ == std::numeric_limits<int64_t>::max()) origin_ = 0;
  }

  /// What the rank is in, up to its last sign of life. Nothing where it has ended as it should, and where events tell of later times: it went on while this was read.
  static std::optional<Event> unfinished(const FlightSnapshot& rank) {
    if (rank.state == FlightState::kFinished || rank.state == FlightState::kStopped) return std::nullopt;
    const bool waits = rank.waiting.kind != WaitKind::kNone;
    Event open{.begin_ns = waits ? rank.waiting.since_ns : rank.phase_since_ns, .phase = rank.phase, .name = std::string(to_string(rank.phase)), .step = rank.step};
    if (waits) {
      open.name = rank.waiting.name;
      open.sequence = rank.waiting.call;
      open.count = rank.waiting.count;
      open.detail = rank.waiting.detail;
      if (rank.waiting.kind == WaitKind::kCollective) open.kind = EventKind::kCollective;
      if (rank.waiting.kind == WaitKind::kMessage) open.kind = EventKind::kMessage;
    }
    for (const Event& event : rank.events)
      if (event.track == kMainTrack && event.begin_ns + event.duration_ns > open.begin_ns) return std::nullopt;
    open.duration_ns = std::max<int64_t>(0, rank.heartbeat_ns - open.begin_ns);
    return open;
  }

  /// The first wait of each rank in each call.
  void find_arrivals() {
    for (std::size_t r = 0; r < flights_.ranks.size(); ++r) {
      const FlightSnapshot& rank = flights_.ranks[r];
      const auto add = [&](const Event& event) {
        if (event.kind != EventKind::kCollective || event.sequence == 0) return;
        auto& all = arrivals_[event.sequence];
        const Arrival arrival{begin_of(rank, event), rank.rank, event.track};
        // Events of a rank come one after another.
        if (all.empty() || all.back().rank != rank.rank) all.push_back(arrival);
        else all.back() = std::min(all.back(), arrival);
      };
      for (const Event* event : chosen_[r]) add(*event);
      if (open_[r]) add(*open_[r]);
    }
    for (auto& [sequence, all] : arrivals_) std::sort(all.begin(), all.end());
  }

  // ---- Text ----
  void put(std::string_view text) {
    piece_ += text;
    if (piece_.size() < kPieceBytes) return;
    write_(piece_);
    piece_.clear();
  }
  template <class... T>
  void event(fmt::format_string<T...> text, T&&... values) {
    put(std::exchange(first_, false) ? "\n{" : ",\n{");
    put(fmt::format(text, std::forward<T>(values)...));
    put("}");
  }
  static std::string microseconds(int64_t ns) { return fmt::format("{}.{:03}", ns / 1000, ns % 1000); }
  std::string at(int64_t ns) const { return microseconds(ns - origin_); }

  void metadata(std::string_view what, int rank, Track track, const std::string& args) {
    event(R"("name":"{}","ph":"M","ts":0,"pid":{},"tid":{},"args":{{{}}})", what, rank, track, args);
  }

  void write_rank(const FlightSnapshot& rank, const std::vector<const Event*>& events, const std::optional<Event>& open) {
    metadata("process_name", rank.rank, 0, "\"name\":" + in_quotes(fmt::format("rank {} ({})", rank.rank, rank.host)));
    metadata("process_sort_index", rank.rank, 0, fmt::format("\"sort_index\":{}", rank.rank));
    std::map<Track, std::vector<const Event*>> tracks;
    tracks[kMainTrack];
    for (const Event* one : events) tracks[one->track].push_back(one);
    if (open) tracks[kMainTrack].push_back(&*open);
    for (auto& [track, spans] : tracks) {
      metadata("thread_name", rank.rank, track, "\"name\":" + in_quotes(track_name(track)));
      metadata("thread_sort_index", rank.rank, track, fmt::format("\"sort_index\":{}", track));
      write_track(rank, spans, open ? &*open : nullptr);
    }
    if (const int64_t when = rank.heartbeat_ns + rank.clock_offset_ns; rank.memory_bytes > 0 && when >= origin_)
      event(R"("name":"memory","cat":"memory","ph":"C","ts":{},"pid":{},"tid":0,"args":{{"resident MiB":{}}})", at(when), rank.rank, rank.memory_bytes >> 20);
  }

  void write_track(const FlightSnapshot& rank, std::vector<const Event*>& events, const Event* open) {
    // Events were recorded as they ended: of two with the same times the later one is the outer one.
    std::vector<std::size_t> order(events.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      if (events[a]->begin_ns != events[b]->begin_ns) return events[a]->begin_ns < events[b]->begin_ns;
      if (events[a]->duration_ns != events[b]->duration_ns) return events[a]->duration_ns > events[b]->duration_ns;
      return a > b;
    });
    std::vector<int64_t> ends;  // of the events around
    for (const std::size_t i : order) {
      const Event& one = *events[i];
      if (one.kind == EventKind::kMark) {
        event(R"("name":{},"cat":"mark","ph":"i","s":"t","ts":{},"pid":{},"tid":{},"args":{{"step":{}}})", in_quotes(one.name), at(begin_of(rank, one)), rank.rank, one.track,
              one.step);
        continue;
      }
      int64_t end = one.begin_ns + one.duration_ns;
      while (!ends.empty() && ends.back() <= one.begin_ns) ends.pop_back();
      if (!ends.empty() && end > ends.back()) {
        end = ends.back();
        ++summary_.clipped;
      }
      ends.push_back(end);
      event(R"("name":{},"cat":"{}","ph":"X","ts":{},"dur":{},"pid":{},"tid":{},"args":{{{}}})", in_quotes(one.name), category(one), at(begin_of(rank, one)),
            microseconds(end - one.begin_ns), rank.rank, one.track, args(one, &one == open));
    }
  }

  std::string args(const Event& one, bool open) const {
    std::string text = fmt::format("\"step\":{},\"phase\":\"{}\"", one.step, to_string(one.phase));
    if (one.kind != EventKind::kSpan) text += ",\"operation\":" + in_quotes(describe_operation(one.name, one.count, one.detail));
    if (one.count != 0) text += fmt::format(",\"count\":{}", one.count);
    if (one.sequence != 0) text += fmt::format(",\"call\":{}", one.sequence);
    if (const auto found = arrivals_.find(one.sequence); one.kind == EventKind::kCollective && found != arrivals_.end() && std::ssize(found->second) == flights_.world && flights_.world > 1)
      text += fmt::format(",\"came_last\":{},\"after_first_us\":{}", found->second.back().rank, microseconds(found->second.back().begin_ns - found->second.front().begin_ns));
    if (open) text += ",\"unfinished\":true";
    return text;
  }

  void write_flows() {
    for (const auto& [sequence, all] : arrivals_) {
      if (all.size() < 2) continue;
      ++summary_.joined;
      for (const Arrival& arrival : all) {
        const bool last = &arrival == &all.back();
        const char* const phase = &arrival == &all.front() ? "s" : last ? "f" : "t";
        event(R"("name":"call","cat":"call","ph":"{}"{},"id":{},"ts":{},"pid":{},"tid":{})", phase, last ? R"(,"bp":"e")" : "", sequence, at(arrival.begin_ns), arrival.rank,
              arrival.track);
      }
    }
  }

  nlohmann::ordered_json about() const {
    nlohmann::ordered_json json = {{"run", options_.run}, {"attempt", flights_.attempt}, {"world", flights_.world}, {"missing", flights_.missing}, {"dead", options_.dead}};
    json["clipped"] = summary_.clipped;
    json["ranks"] = nlohmann::ordered_json::array();
    for (const FlightSnapshot& rank : flights_.ranks) {
      nlohmann::ordered_json one = {{"rank", rank.rank},
                                    {"host", rank.host},
                                    {"pid", rank.pid},
                                    {"state", state_name(rank.state)},
                                    {"step", rank.step},
                                    {"events", rank.events.size()},
                                    {"events_overwritten", rank.events_written - std::min<uint64_t>(rank.events_written, rank.events.size())},
                                    {"clock_offset_ns", rank.clock_offset_ns},
                                    {"memory_peak_bytes", rank.memory_peak}};
      if (!rank.message.empty()) one["message"] = rank.message;
      json["ranks"].push_back(std::move(one));
    }
    return json;
  }

  const Flights& flights_;
  const TraceOptions& options_;
  const std::function<void(std::string_view)>& write_;
  std::vector<std::vector<const Event*>> chosen_;  ///< [of flights_.ranks]
  std::vector<std::optional<Event>> open_;
  std::map<uint64_t, std::vector<Arrival>> arrivals_;  ///< by call, the first one first
  int64_t origin_ = 0;
  std::string piece_;
  bool first_ = true;
  TraceSummary summary_;
};

std::string numbered(const char* name, int number) { return number == 0 ? name : fmt::format("{} {}", name, number); }

}  // namespace

std::string track_name(Track track) {
  if (track == kMainTrack) return "main";
  if (track < kLoaderTrack) return fmt::format("worker {}", track);
  if (track < kWriterTrack) return numbered("loader", track - kLoaderTrack);
  if (track < kDeviceTrack) return numbered("checkpoint writer", track - kWriterTrack);
  return numbered("device", track - kDeviceTrack);
}

TraceSummary write_trace(const Flights& flights, const TraceOptions& options, const std::function<void(std::string_view)>& write) {
  return TraceWriter(flights, options, write).run();
}

}  // namespace cohort::core
