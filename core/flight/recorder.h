// A rank's recorder: what it does now, what it did lately, where its time went.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "core/comm/plans.h"
#include "core/flight/phase.h"

namespace cohort::core {

namespace flight {
struct Who;
struct Now;
struct Call;
struct Event;
}  // namespace flight

/// How a rank stands. Numbers are part of the flight file's format.
enum class FlightState : uint8_t { kRunning = 1, kFinished, kStopped, kFailed, kEndedByWatchdog };
enum class EventKind : uint8_t { kSpan = 1, kCollective, kMessage, kMark };
enum class WaitKind : uint8_t { kNone, kCollective, kMessage, kData };

/// Lanes of a trace. The main thread is worker 0 of the lanes' workers; other workers have their own numbers.
using Track = uint16_t;
inline constexpr Track kMainTrack = 0;
inline constexpr Track kLoaderTrack = 256;  ///< first reader of rows; the others follow
inline constexpr Track kWriterTrack = 512;  ///< writer of checkpoints
inline constexpr Track kDeviceTrack = 768;

/// Monotonic clock in ns: the same for all processes of a machine.
int64_t flight_now_ns();

/// What a program shows in its profiler: told of every span, from the thread that is in it.
class SpanListener {
 public:
  virtual ~SpanListener() = default;
  virtual void begin(Phase phase, const char* name) = 0;
  virtual void end() = 0;
};

/// Begins in memory of the process and moves to a file once there is a run folder. A call costs some tens of nanoseconds and never fails.
///
/// Threads: the main thread, which makes the collective calls, alone enters phases, waits and tells steps; any thread may record events
/// (TrackSpan, mark). beat() is the watchdog's.
class Recorder {
 public:
  Recorder();
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  struct Place {
    int rank = 0, world = 1, node = 0, attempt = 1;
    double timeout_seconds = 0;
    int64_t clock_offset_ns = 0;
  };
  /// Goes on in the file `path`, which is made anew: what was recorded so far goes with it, and all that follows survives the process. Local.
  /// Throws Error (failed) on a full disk or missing rights: the recorder then stays where it is.
  void keep_in(const std::filesystem::path& path, const Place& place);
  bool kept() const { return kept_; }
  /// Hands what was recorded to the file system, for machines that share it. Any thread; may block.
  void sync();

  // ---- Where the rank stands ----
  void step(uint64_t step, uint64_t epoch);
  /// The last word of a rank: it isn't taken for dead afterwards. The first one counts. Any thread.
  void finished();
  void stopped();
  void ended_by_watchdog();
  /// `everywhere`: all ranks know this failure, so that no single one is to blame. Main thread.
  void failed(std::string_view message, bool out_of_memory = false, bool everywhere = false);
  void note_out_of_memory();
  /// "step 12, phase forward": where the main thread stands, or stood when it threw what was just caught. Main thread.
  std::string where() const;
  /// Nothing was said that ends a run.
  bool running() const;

  // ---- Time of the main thread ----
  /// Nanoseconds so far by phase, up to this moment.
  std::array<int64_t, kPhases> phase_ns() const;
  /// How often each was entered.
  std::array<uint64_t, kPhases> phase_counts() const;

  // ---- Calls ----
  /// A collective call begins: its number, which is the same on all ranks.
  uint64_t call(const OperationLabel& label);

  // ---- Events ----
  void event(EventKind kind, Phase phase, std::string_view name, int64_t begin_ns, int64_t end_ns, Track track = kMainTrack, uint64_t count = 0,
             uint64_t sequence = 0, uint32_t detail = 0);
  /// Something that takes no time. At most 16 letters.
  void mark(std::string_view name, Track track = kMainTrack);
  uint64_t events() const;

  /// Memory and a sign of life.
  void beat();
  /// Of this process, in bytes, as beat() saw it last; 0 before.
  struct Memory {
    uint64_t bytes = 0, peak = 0;
  };
  Memory memory() const;

  /// Spans are recorded (as at the start) or passed over: what they cost is measured so. Changed while no span is open.
  void record_spans(bool on) { spans_ = on; }

  /// At most one; null takes it away. Set while no span is open. Must outlive the recorder.
  void listen(SpanListener* listener) { listener_ = listener; }

  /// The whole memory, as the file has it.
  std::string bytes() const;

  /// What the rank waits for at this moment, for its own watchdog.
  struct Waiting {
    WaitKind kind = WaitKind::kNone;
    int64_t since_ns = 0;
    uint64_t call = 0;
    std::string name;
    uint64_t count = 0;
  };
  Waiting waiting() const;

 private:
  friend class Span;
  friend class TrackSpan;
  friend class Wait;

  /// Changes the main thread's phase; what is left and since when.
  struct Left {
    Phase phase = Phase::kOther;
    int64_t at_ns = 0;
  };
  Left enter(Phase phase);
  void end(FlightState state);

  std::byte* memory_ = nullptr;
  flight::Who* who_ = nullptr;
  flight::Now* now_ = nullptr;
  flight::Call* calls_ = nullptr;
  flight::Event* events_ = nullptr;
  bool kept_ = false, spans_ = true;
  // The main thread's own copies: it alone changes them.
  Phase phase_ = Phase::kOther;
  int64_t since_ns_;
  uint64_t called_ = 0;
  uint64_t step_ = 0;
  bool thrown_ = false;  ///< the last phases were left by an exception,
  Phase thrown_in_ = Phase::kOther;  ///< thrown in this one
  SpanListener* listener_ = nullptr;
};

/// The main thread is in `phase` while it lives. Spans nest: the inner one stops the outer one's clock.
class Span {
 public:
  /// `name`: a literal of at most 16 letters, for the trace; the phase's where it is null.
  Span(Recorder& recorder, Phase phase, const char* name = nullptr);
  ~Span();
  Span(const Span&) = delete;
  Span& operator=(const Span&) = delete;

 private:
  Recorder& recorder_;
  const char* name_;
  Phase phase_;
  Recorder::Left left_;
};

/// What another thread does, on a track of its own; on the main thread's track the same as Span.
class TrackSpan {
 public:
  TrackSpan(Recorder& recorder, Track track, Phase phase, const char* name = nullptr);
  ~TrackSpan();
  TrackSpan(const TrackSpan&) = delete;
  TrackSpan& operator=(const TrackSpan&) = delete;

 private:
  Recorder& recorder_;
  Track track_;
  Phase phase_;
  const char* name_;
  Recorder::Left left_;
};

/// The main thread waits, for other ranks or for data, while it lives.
class Wait {
 public:
  /// For a collective call (`sequence` as call() gave it) or a message (0), in the phase of communication.
  Wait(Recorder& recorder, const OperationLabel& label, uint64_t sequence);
  /// For data, in the phase of waiting for them.
  explicit Wait(Recorder& recorder, const char* data = "rows");
  ~Wait();
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;
  /// It is call `sequence` now that holds the rank up.
  void held_up_by(uint64_t sequence, const OperationLabel& label);

 private:
  void tell(WaitKind kind, const OperationLabel& label, uint64_t sequence);

  Recorder& recorder_;
  OperationLabel label_;
  uint64_t sequence_;
  WaitKind kind_;
  Recorder::Left left_;
};

}  // namespace cohort::core
