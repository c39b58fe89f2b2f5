// The flight file, byte by byte (version 1): `RUN/logs/flight-<rank>.bin`, mapped by its rank, read by anybody.
//
//   page 0        who: written once, when the file is made
//   page 1        now: what the rank does at this moment
//   pages 2, 3    calls: the last 128 collective calls, by sequence number
//   then          events: a ring
//
// Numbers are as the machine has them (little-endian on all that Cohort runs on; the magic tells). All stores are of whole words, so that a reader in
// another process sees old or new words, and a file that a killed rank leaves is as the last store left it.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace cohort::core::flight {

inline constexpr uint64_t kMagic = 0x3154484749464F43;  // "COFIGHT1"
inline constexpr uint32_t kVersion = 1;
inline constexpr std::size_t kPage = 4096;
inline constexpr std::size_t kCalls = 128;
inline constexpr uint32_t kEvents = 32768;
inline constexpr uint32_t kMostEvents = 1 << 24;  ///< that a reader believes
static_assert(std::endian::native == std::endian::little);
static_assert(std::atomic<uint64_t>::is_always_lock_free);

struct Who {
  uint64_t magic;
  uint32_t version;
  uint32_t events;  ///< capacity of the ring
  int32_t rank, world;
  int32_t node, attempt;
  int64_t pid;
  uint64_t process_start;   ///< /proc/<pid>/stat, field 22: a process id alone may be another's by now
  int64_t started_ns;       ///< monotonic clock
  int64_t clock_offset_ns;  ///< to be added to this rank's monotonic clock to get rank 0's
  int64_t epoch_ns;         ///< system clock less monotonic clock, at the start
  int64_t timeout_ns;       ///< of the watchdog; 0: none
  uint64_t oom_kills;       ///< of the memory group, at the start
  char host[64];
  char boot[40];  ///< the machine's boot: its monotonic clock
};
static_assert(sizeof(Who) <= kPage);

struct Now {
  std::atomic<uint64_t> state;  ///< State
  std::atomic<uint64_t> flags;  ///< bit 0: out of memory was met; bit 1: the failure is known to all ranks
  std::atomic<uint64_t> step, epoch;
  std::atomic<uint64_t> phase;
  std::atomic<int64_t> phase_since_ns;
  std::atomic<uint64_t> called;      ///< sequence number of the last collective call that was started
  std::atomic<uint64_t> waiting;     ///< 0 none, 1 collective call, 2 message, 3 data
  std::atomic<int64_t> wait_since_ns;
  std::atomic<uint64_t> wait_call;   ///< sequence number of the earliest call that isn't done; 0 for a message
  std::atomic<uint64_t> wait_count;
  std::atomic<uint64_t> wait_detail;
  std::atomic<uint64_t> wait_name[2];
  std::atomic<int64_t> heartbeat_ns;
  std::atomic<uint64_t> memory_bytes, memory_peak;          ///< of the process
  std::atomic<uint64_t> memory_free, memory_limit;          ///< left for it, and in all
  std::atomic<uint64_t> event_head;                         ///< events so far
  std::atomic<int64_t> phase_ns[16];                        ///< [Phase]
  std::atomic<uint64_t> phase_counts[16];
  std::atomic<uint64_t> message_bytes;
  char message[1024];  ///< of the failure; written once, before `state`
};
static_assert(sizeof(Now) <= kPage);

struct Call {
  std::atomic<uint64_t> sequence;
  std::atomic<uint64_t> count;
  std::atomic<uint64_t> name[2];
  std::atomic<uint64_t> detail;
  std::atomic<uint64_t> step;
  std::atomic<uint64_t> spare[2];
};
static_assert(sizeof(Call) == 64 && kCalls * sizeof(Call) == 2 * kPage);

/// Eight words: begin_ns, duration_ns, sequence, count, name (2), step | stamp << 32, detail | kind << 32 | phase << 40 | track << 48.
/// `stamp` is the event's number plus 1, cut to 32 bits; it is 0 while the event is being written.
struct Event {
  std::atomic<uint64_t> words[8];
};
static_assert(sizeof(Event) == 64);

inline constexpr std::size_t kEventsAt = 2 * kPage + kCalls * sizeof(Call);
constexpr std::size_t file_bytes(uint32_t events) { return kEventsAt + std::size_t{events} * sizeof(Event); }

}  // namespace cohort::core::flight
