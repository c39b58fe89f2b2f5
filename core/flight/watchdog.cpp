#include "core/flight/watchdog.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "core/error.h"
#include "core/flight/evidence.h"
#include "core/flight/process.h"

namespace cohort::core {
namespace {

constexpr int kTickMilliseconds = 50;
constexpr int64_t kBeatNs = 250'000'000, kSyncNs = 5'000'000'000;
// A thread that sleeps for a tick and comes back later than this was stopped, with its process or its machine.
constexpr int64_t kStoppedNs = 2'000'000'000;
// How long a rank that has nothing to say stays, so that the one that has comes first; and how long after a death, so that mpirun sees that first.
constexpr std::chrono::milliseconds kStay{1000}, kStayAfterDeath{2000};

// A disk takes as long as there is to write, and so does the proof of an artifact, whose programs have limits of their own: a rank that is at these gets so many times the time-out.
constexpr double kAtDisk = 10;
constexpr int64_t kLookNs = 500'000'000;

int open_process(int64_t pid) {
#ifdef SYS_pidfd_open
  return static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0));
#else
  (void)pid;
  return -1;
#endif
}

bool write_all(int file, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t written = ::write(file, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    done += static_cast<std::size_t>(written);
  }
  return true;
}

/// Not through stdio: the main thread may hold its lock for ever. And past mpirun where that can be done: while it ends the ranks it passes nothing on for seconds.
void write_to_stderr(const std::string& text) {
  const int launchers = open_launchers_stderr();
  if (launchers < 0 || !write_all(launchers, text)) write_all(STDERR_FILENO, text);
  if (launchers >= 0) ::close(launchers);
}

}  // namespace

struct Watchdog::Group {
  std::filesystem::path run;
  int world = 1, attempt = 1;
  bool several_machines = false;
  struct Other {
    int rank = 0;
    int64_t pid = 0;
    uint64_t start = 0;
    int descriptor = -1;  ///< readable once the process has ended; −1 where the system has no such thing
  };
  std::vector<Other> others;  ///< of this machine, as long as they live

  Group() = default;
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  ~Group() {
    for (const Other& other : others)
      if (other.descriptor >= 0) ::close(other.descriptor);
  }
};

Watchdog::Watchdog(Recorder& recorder, Settings settings) : recorder_(recorder), settings_(std::move(settings)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_ < 0) throw system_error("can't make an eventfd", errno);
  if (!settings_.say) settings_.say = write_to_stderr;
  if (!settings_.end) settings_.end = [] { ::_exit(static_cast<int>(Exit::kFailed)); };
  awake_since_ns_ = flight_now_ns();
  thread_ = std::thread([this] { loop(); });
}

Watchdog::~Watchdog() {
  stop_ = true;
  const uint64_t one = 1;
  (void)!::write(wake_, &one, sizeof(one));
  thread_.join();
  ::close(wake_);
  delete handed_over_.exchange(nullptr);
}

void Watchdog::watch(const std::filesystem::path& run, int world, int attempt, bool several_machines) {
  auto group = std::make_unique<Group>();
  group->run = run;
  group->world = world;
  group->attempt = attempt;
  group->several_machines = several_machines;
  const std::string host = host_name().substr(0, 63), boot = boot_id();
  for (const FlightSnapshot& flight : read_flights(run, false).ranks) {
    if (flight.rank == settings_.rank || flight.host != host || flight.boot != boot) continue;
    group->others.push_back({.rank = flight.rank, .pid = flight.pid, .start = flight.process_start, .descriptor = open_process(flight.pid)});
  }
  delete handed_over_.exchange(group.release());
  const uint64_t one = 1;
  (void)!::write(wake_, &one, sizeof(one));
}

void Watchdog::loop() {
  while (!stop_) {
    if (Group* group = handed_over_.exchange(nullptr)) group_.reset(group);
    std::vector<pollfd> sleep{{.fd = wake_, .events = POLLIN, .revents = 0}};
    if (group_)
      for (const Group::Other& other : group_->others)
        if (other.descriptor >= 0) sleep.push_back({.fd = other.descriptor, .events = POLLIN, .revents = 0});
    const int64_t before = flight_now_ns();
    ::poll(sleep.data(), sleep.size(), kTickMilliseconds);
    if (const int64_t after = flight_now_ns(); after - before > kStoppedNs) awake_since_ns_ = after;
    uint64_t woken = 0;
    (void)!::read(wake_, &woken, sizeof(woken));
    if (!stop_) tick();
  }
}

void Watchdog::tick() {
  const int64_t now = flight_now_ns();
  if (now - last_beat_ns_ >= kBeatNs) {
    recorder_.beat();
    last_beat_ns_ = now;
  }
  if (group_ && group_->several_machines && now - last_sync_ns_ >= kSyncNs) {
    recorder_.sync();
    last_sync_ns_ = now;
  }
  look_at_others();
  look_at_own_wait(now);
}

void Watchdog::look_at_own_wait(int64_t now) {
  if (settings_.timeout_seconds <= 0) return;
  const Recorder::Waiting waiting = recorder_.waiting();
  if (waiting.kind == WaitKind::kNone) return;
  const int64_t since = std::max(waiting.since_ns, awake_since_ns_);
  if (static_cast<double>(now - since) < settings_.timeout_seconds * 1e9 || now - last_look_ns_ < kLookNs) return;
  // Looked at again: the wait may have ended, and another begun, between the two words.
  const Recorder::Waiting again = recorder_.waiting();
  if (again.kind != waiting.kind || again.since_ns != waiting.since_ns) return;
  last_look_ns_ = now;
  too_long(waiting, now - since);
}

void Watchdog::look_at_others() {
  if (!group_) return;
  auto& others = group_->others;
  for (std::size_t i = 0; i < others.size();) {
    const Group::Other other = others[i];
    if (process_state(other.pid, other.start) != ProcessState::kGone) {
      ++i;
      continue;
    }
    if (other.descriptor >= 0) ::close(other.descriptor);
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
    if (died_without_a_word(other.rank)) report(examine(), true);
  }
}

bool Watchdog::died_without_a_word(int rank) const {
  try {
    const FlightSnapshot flight = read_flight(flight_path(group_->run, rank), false);
    return flight.attempt == group_->attempt && flight.state == FlightState::kRunning;
  } catch (const Error&) {
    return false;  // it can't be known; whoever waits for that rank finds it out by the time-out
  }
}

void Watchdog::too_long(const Recorder::Waiting& waiting, int64_t waited) {
  if (group_) {
    const Diagnosis diagnosis = examine();
    const bool at_disk = diagnosis.culprit == Culprit::kStraggler && (diagnosis.phase == to_string(Phase::kCheckpoint) || diagnosis.phase == to_string(Phase::kPublish));
    if (at_disk && static_cast<double>(waited) < kAtDisk * settings_.timeout_seconds * 1e9) return;
    return report(diagnosis, false);
  }
  // Rank by rank: mpirun ends all as soon as the first one ends.
  std::this_thread::sleep_for(std::chrono::milliseconds(std::min(20 * settings_.rank, 1000)));
  Error error = failed_error(fmt::format("{} (call {}) has waited for {:.0f} s for the other ranks; their records begin with the run's folder, so that who holds it up isn't known",
                                         waiting.name, waiting.call, static_cast<double>(waited) / 1e9),
                             "look at the ranks that don't wait (gdb -p, their machines' load); guard.timeout bounds the waiting");
  settings_.say(std::string(error.on_rank(settings_.rank).what()) + "\n");
  recorder_.ended_by_watchdog();
  settings_.end();
}

Diagnosis Watchdog::examine() const {
  try {
    return diagnose(look_for_ranks(read_flights(group_->run, false)), 0);
  } catch (const std::exception& error) {
    Diagnosis diagnosis;
    diagnosis.sentence = fmt::format("rank {} gave up waiting, and the ranks' records can't be read: {}", settings_.rank, error.what());
    return diagnosis;
  }
}

void Watchdog::report(const Diagnosis& diagnosis, bool death) {
  if (!recorder_.running()) return;  // this rank has had its last word
  const bool first = claim_culprit(group_->run, group_->attempt, diagnosis);
  if (first && !diagnosis.told) settings_.say(failed_error(diagnosis.sentence, diagnosis.remedy).what() + std::string("\n"));
  recorder_.ended_by_watchdog();
  recorder_.sync();
  if (death) std::this_thread::sleep_for(kStayAfterDeath);
  else if (!first) std::this_thread::sleep_for(kStay);
  settings_.end();
}

}  // namespace cohort::core
