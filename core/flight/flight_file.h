// Reading flight files: of a run that goes on, of one that was killed, of any origin.
#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/flight/recorder.h"

namespace cohort::core {

/// What one rank's recorder held at one moment. Times are the rank's monotonic clock, in ns.
struct FlightSnapshot {
  int rank = 0, world = 1, node = 0, attempt = 1;
  int64_t pid = 0;
  uint64_t process_start = 0;
  std::string host, boot;
  int64_t started_ns = 0, clock_offset_ns = 0, epoch_ns = 0, timeout_ns = 0;
  uint64_t oom_kills = 0;  ///< at the start

  FlightState state = FlightState::kRunning;
  std::string message;  ///< of a failure
  bool out_of_memory = false, everywhere = false;
  uint64_t step = 0, epoch = 0;
  Phase phase = Phase::kOther;
  int64_t phase_since_ns = 0, heartbeat_ns = 0;
  uint64_t called = 0;  ///< the last collective call that was started
  /// What it waits for; `call` is 0 unless that is a collective call.
  struct Waiting {
    WaitKind kind = WaitKind::kNone;
    int64_t since_ns = 0;
    uint64_t call = 0, count = 0;
    uint32_t detail = 0;
    std::string name;
  } waiting;
  uint64_t memory_bytes = 0, memory_peak = 0, memory_free = 0, memory_limit = 0;
  std::array<int64_t, kPhases> phase_ns{};  ///< without what the phase that it is in has taken since phase_since_ns
  std::array<uint64_t, kPhases> phase_counts{};

  struct Call {
    std::string name;
    uint64_t count = 0, step = 0;
    uint32_t detail = 0;
    bool same_as(const Call& other) const { return name == other.name && count == other.count && detail == other.detail; }
  };
  std::map<uint64_t, Call> calls;  ///< the last ones, by number

  struct Event {
    int64_t begin_ns = 0, duration_ns = 0;
    EventKind kind = EventKind::kSpan;
    Phase phase = Phase::kOther;
    Track track = 0;
    std::string name;
    uint64_t step = 0, sequence = 0, count = 0;
    uint32_t detail = 0;
  };
  std::vector<Event> events;    ///< in the order in which they ended; those that were being written are left out
  uint64_t events_written = 0;  ///< those that the ring no longer holds too
};

/// Of a recorder's bytes. `name`: the file, for messages. Throws Error (damaged) for what no recorder writes.
FlightSnapshot parse_flight(std::string_view bytes, const std::string& name, bool with_events = true);

/// Reads it as it stands; another process may be writing. Throws Error: usage when absent, damaged.
FlightSnapshot read_flight(const std::filesystem::path& file, bool with_events = true);

/// `logs/flight-<rank>.bin` of a run's folder.
std::filesystem::path flight_path(const std::filesystem::path& run, int rank);

/// All ranks of the run's last attempt. `run` holds `logs/`. Files of attempts before are passed over, and so are those that can't be read, whose messages are in `unreadable`; ranks without a
/// file of their own are in `missing`. Throws Error: usage when there is none, damaged where none can be read, or where files of one attempt contradict each other.
struct Flights {
  int world = 0, attempt = 0;
  std::vector<FlightSnapshot> ranks;  ///< by rank
  std::vector<int> missing;
  std::vector<std::string> unreadable;
};
Flights read_flights(const std::filesystem::path& run, bool with_events = true);

}  // namespace cohort::core
