#include "core/flight/recorder.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <new>

#include <fmt/format.h>

#include "core/error.h"
#include "core/flight/flight_layout.h"
#include "core/flight/process.h"

namespace cohort::core {
namespace {

using flight::kEvents;

constexpr std::size_t kRecorderBytes = flight::file_bytes(kEvents);
constexpr auto kRelaxed = std::memory_order_relaxed;

struct Name {
  uint64_t words[2] = {0, 0};
};

Name name_words(std::string_view text) {
  Name name;
  std::memcpy(name.words, text.data(), std::min(text.size(), sizeof(name.words)));
  return name;
}

Name name_words(const OperationLabel& label) {
  Name name;
  static_assert(sizeof(label.name) == sizeof(name.words));
  std::memcpy(name.words, label.name, sizeof(name.words));
  return name;
}

int64_t system_less_monotonic() {
  timespec system{};
  ::clock_gettime(CLOCK_REALTIME, &system);
  return int64_t{system.tv_sec} * 1'000'000'000 + system.tv_nsec - flight_now_ns();
}

template <std::size_t size>
void copy_text(char (&to)[size], const std::string& text) {
  std::memset(to, 0, size);
  std::memcpy(to, text.data(), std::min(text.size(), size - 1));
}

/// Closes it unless all went well, and then removes the file.
struct NewFile {
  const std::filesystem::path& path;
  int descriptor;
  bool whole = false;
  ~NewFile() {
    if (descriptor >= 0) ::close(descriptor);
    if (!whole) ::unlink(path.c_str());
  }
};

}  // namespace

int64_t flight_now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

Recorder::Recorder() {
  // Pages that nobody writes cost nothing: most commands record a few events.
  void* memory = ::mmap(nullptr, kRecorderBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  memory_ = static_cast<std::byte*>(memory);
  who_ = reinterpret_cast<flight::Who*>(memory_);
  now_ = reinterpret_cast<flight::Now*>(memory_ + flight::kPage);
  calls_ = reinterpret_cast<flight::Call*>(memory_ + 2 * flight::kPage);
  events_ = reinterpret_cast<flight::Event*>(memory_ + flight::kEventsAt);
  since_ns_ = flight_now_ns();
  who_->magic = flight::kMagic;
  who_->version = flight::kVersion;
  who_->events = kEvents;
  who_->world = 1;
  who_->attempt = 1;
  who_->pid = ::getpid();
  who_->started_ns = since_ns_;
  now_->state.store(static_cast<uint64_t>(FlightState::kRunning), kRelaxed);
  now_->phase_since_ns.store(since_ns_, kRelaxed);
}

Recorder::~Recorder() { ::munmap(memory_, kRecorderBytes); }

void Recorder::keep_in(const std::filesystem::path& path, const Place& place) {
  std::filesystem::path beside = path;
  beside += ".tmp";
  NewFile file{beside, ::open(beside.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
  if (file.descriptor < 0) throw system_error("can't open " + beside.string(), errno);
  // Reserved now: a store to a page that the disk has no room for would be SIGBUS later.
  if (const int failed = ::posix_fallocate(file.descriptor, 0, static_cast<off_t>(kRecorderBytes)); failed != 0)
    throw system_error("can't reserve " + std::to_string(kRecorderBytes >> 10) + " KiB for " + path.string(), failed);
  who_->rank = place.rank;
  who_->world = place.world;
  who_->node = place.node;
  who_->attempt = place.attempt;
  who_->timeout_ns = static_cast<int64_t>(place.timeout_seconds * 1e9);
  who_->clock_offset_ns = place.clock_offset_ns;
  who_->pid = ::getpid();
  who_->process_start = process_start(who_->pid);
  who_->epoch_ns = system_less_monotonic();
  who_->oom_kills = memory_now().oom_kills;
  copy_text(who_->host, host_name());
  copy_text(who_->boot, boot_id());
  beat();
  // What other threads record between the copy and the change is lost: nothing but events of a trace.
  for (std::size_t done = 0; done < kRecorderBytes;) {
    const ssize_t written = ::pwrite(file.descriptor, memory_ + done, kRecorderBytes - done, static_cast<off_t>(done));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) throw system_error("can't write " + beside.string(), errno);
    done += static_cast<std::size_t>(written);
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) throw system_error("can't rename " + beside.string(), errno);
  file.whole = true;
  // At the same address, so that nobody notices.
  if (::mmap(memory_, kRecorderBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file.descriptor, 0) == MAP_FAILED)
    throw system_error("can't map " + path.string(), errno);
  kept_ = true;
}

void Recorder::sync() {
  if (kept_) ::msync(memory_, kRecorderBytes, MS_SYNC);
}

void Recorder::step(uint64_t step, uint64_t epoch) {
  step_ = step;
  now_->step.store(step, kRelaxed);
  now_->epoch.store(epoch, kRelaxed);
}

void Recorder::end(FlightState state) {
  uint64_t running = static_cast<uint64_t>(FlightState::kRunning);
  now_->state.compare_exchange_strong(running, static_cast<uint64_t>(state), std::memory_order_acq_rel);
}

void Recorder::finished() { end(FlightState::kFinished); }
void Recorder::stopped() { end(FlightState::kStopped); }
void Recorder::ended_by_watchdog() { end(FlightState::kEndedByWatchdog); }

void Recorder::failed(std::string_view message, bool out_of_memory, bool everywhere) {
  if (!running()) return;
  const std::size_t size = std::min(message.size(), sizeof(now_->message));
  std::memcpy(now_->message, message.data(), size);
  now_->message_bytes.store(size, kRelaxed);
  now_->flags.fetch_or((out_of_memory ? 1U : 0U) | (everywhere ? 2U : 0U), kRelaxed);
  now_->phase.store(static_cast<uint64_t>(thrown_ ? thrown_in_ : phase_), kRelaxed);
  end(FlightState::kFailed);
}

void Recorder::note_out_of_memory() { now_->flags.fetch_or(1, kRelaxed); }

bool Recorder::running() const { return now_->state.load(std::memory_order_acquire) == static_cast<uint64_t>(FlightState::kRunning); }

std::array<int64_t, kPhases> Recorder::phase_ns() const {
  std::array<int64_t, kPhases> all{};
  for (std::size_t p = 0; p < kPhases; ++p) all[p] = now_->phase_ns[p].load(kRelaxed);
  all[static_cast<std::size_t>(phase_)] += flight_now_ns() - since_ns_;
  return all;
}

std::array<uint64_t, kPhases> Recorder::phase_counts() const {
  std::array<uint64_t, kPhases> all{};
  for (std::size_t p = 0; p < kPhases; ++p) all[p] = now_->phase_counts[p].load(kRelaxed);
  return all;
}

Recorder::Left Recorder::enter(Phase phase) {
  const int64_t now = flight_now_ns();
  const auto leaving = static_cast<std::size_t>(phase_);
  const bool thrown = std::uncaught_exceptions() > 0;
  if (thrown && !thrown_) thrown_in_ = phase_;
  thrown_ = thrown;
  // Only this thread adds: no need of a locked addition.
  now_->phase_ns[leaving].store(now_->phase_ns[leaving].load(kRelaxed) + (now - since_ns_), kRelaxed);
  const Left left{phase_, now};
  phase_ = phase;
  since_ns_ = now;
  now_->phase.store(static_cast<uint64_t>(phase), kRelaxed);
  now_->phase_since_ns.store(now, kRelaxed);
  return left;
}

std::string Recorder::where() const {
  return fmt::format("step {}, phase {}", step_, to_string(thrown_ ? thrown_in_ : phase_));
}

uint64_t Recorder::call(const OperationLabel& label) {
  const uint64_t sequence = ++called_;
  flight::Call& call = calls_[sequence % flight::kCalls];
  const Name name = name_words(label);
  call.sequence.store(0, kRelaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  call.count.store(label.count, kRelaxed);
  call.name[0].store(name.words[0], kRelaxed);
  call.name[1].store(name.words[1], kRelaxed);
  call.detail.store(label.detail, kRelaxed);
  call.step.store(step_, kRelaxed);
  call.sequence.store(sequence, std::memory_order_release);
  now_->called.store(sequence, std::memory_order_release);
  return sequence;
}

void Recorder::event(EventKind kind, Phase phase, std::string_view name, int64_t begin_ns, int64_t end_ns, Track track, uint64_t count, uint64_t sequence,
                     uint32_t detail) {
  const uint64_t number = now_->event_head.fetch_add(1, kRelaxed);
  auto& words = events_[number % kEvents].words;
  const Name letters = name_words(name);
  words[6].store(0, kRelaxed);
  std::atomic_thread_fence(std::memory_order_release);
  words[0].store(static_cast<uint64_t>(begin_ns), kRelaxed);
  words[1].store(static_cast<uint64_t>(end_ns - begin_ns), kRelaxed);
  words[2].store(sequence, kRelaxed);
  words[3].store(count, kRelaxed);
  words[4].store(letters.words[0], kRelaxed);
  words[5].store(letters.words[1], kRelaxed);
  words[7].store(uint64_t{detail} | uint64_t{static_cast<uint8_t>(kind)} << 32 | uint64_t{static_cast<uint8_t>(phase)} << 40 | uint64_t{track} << 48, kRelaxed);
  const uint64_t step = now_->step.load(kRelaxed);
  words[6].store(std::min<uint64_t>(step, UINT32_MAX) | uint64_t{static_cast<uint32_t>(number + 1)} << 32, std::memory_order_release);
}

void Recorder::mark(std::string_view name, Track track) {
  const int64_t now = flight_now_ns();
  event(EventKind::kMark, Phase::kOther, name, now, now, track);
}

uint64_t Recorder::events() const { return now_->event_head.load(kRelaxed); }

void Recorder::beat() {
  const MemoryNow memory = memory_now();
  now_->memory_bytes.store(memory.bytes, kRelaxed);
  now_->memory_peak.store(memory.peak, kRelaxed);
  now_->memory_free.store(memory.free, kRelaxed);
  now_->memory_limit.store(memory.limit, kRelaxed);
  now_->heartbeat_ns.store(flight_now_ns(), kRelaxed);
}

Recorder::Memory Recorder::memory() const { return {.bytes = now_->memory_bytes.load(kRelaxed), .peak = now_->memory_peak.load(kRelaxed)}; }

std::string Recorder::bytes() const {
  // Word by word, as others write.
  std::string copy(kRecorderBytes, '\0');
  const auto* words = reinterpret_cast<const std::atomic<uint64_t>*>(memory_);
  for (std::size_t i = 0; i < kRecorderBytes / 8; ++i) {
    const uint64_t word = words[i].load(kRelaxed);
    std::memcpy(copy.data() + i * 8, &word, 8);
  }
  return copy;
}

Recorder::Waiting Recorder::waiting() const {
  Waiting waiting;
  waiting.kind = static_cast<WaitKind>(now_->waiting.load(std::memory_order_acquire));
  waiting.since_ns = now_->wait_since_ns.load(kRelaxed);
  waiting.call = now_->wait_call.load(kRelaxed);
  waiting.count = now_->wait_count.load(kRelaxed);
  char name[17] = {};
  for (std::size_t i = 0; i < 2; ++i) {
    const uint64_t word = now_->wait_name[i].load(kRelaxed);
    std::memcpy(name + i * 8, &word, 8);
  }
  waiting.name = name;
  return waiting;
}

// ---- Span ------------------------------------------------------------------------------------------------------------

Span::Span(Recorder& recorder, Phase phase, const char* name) : recorder_(recorder), name_(name != nullptr ? name : to_string(phase).data()), phase_(phase) {
  if (!recorder.spans_) return;
  left_ = recorder.enter(phase);
  auto& count = recorder.now_->phase_counts[static_cast<std::size_t>(phase)];
  count.store(count.load(kRelaxed) + 1, kRelaxed);
  if (recorder.listener_ != nullptr) recorder.listener_->begin(phase, name_);
}

Span::~Span() {
  if (!recorder_.spans_) return;
  const Recorder::Left ended = recorder_.enter(left_.phase);
  recorder_.event(EventKind::kSpan, phase_, name_, left_.at_ns, ended.at_ns);
  if (recorder_.listener_ != nullptr) recorder_.listener_->end();
}

TrackSpan::TrackSpan(Recorder& recorder, Track track, Phase phase, const char* name)
    : recorder_(recorder), track_(track), phase_(phase), name_(name != nullptr ? name : to_string(phase).data()) {
  if (!recorder.spans_) return;
  left_ = track == kMainTrack ? recorder.enter(phase) : Recorder::Left{Phase::kOther, flight_now_ns()};
  if (recorder.listener_ != nullptr) recorder.listener_->begin(phase, name_);
}

TrackSpan::~TrackSpan() {
  if (!recorder_.spans_) return;
  const int64_t end = track_ == kMainTrack ? recorder_.enter(left_.phase).at_ns : flight_now_ns();
  recorder_.event(EventKind::kSpan, phase_, name_, left_.at_ns, end, track_);
  if (recorder_.listener_ != nullptr) recorder_.listener_->end();
}

// ---- Wait ------------------------------------------------------------------------------------------------------------

Wait::Wait(Recorder& recorder, const OperationLabel& label, uint64_t sequence)
    : recorder_(recorder), label_(label), sequence_(sequence), kind_(sequence != 0 ? WaitKind::kCollective : WaitKind::kMessage), left_(recorder.enter(Phase::kCommunication)) {
  tell(kind_, label, sequence);
}

Wait::Wait(Recorder& recorder, const char* data)
    : recorder_(recorder), label_(OperationLabel::of(data)), sequence_(0), kind_(WaitKind::kData), left_(recorder.enter(Phase::kDataWait)) {
  tell(kind_, label_, 0);
}

Wait::~Wait() {
  recorder_.now_->waiting.store(0, std::memory_order_release);
  const Recorder::Left ended = recorder_.enter(left_.phase);
  const EventKind kind = kind_ == WaitKind::kCollective ? EventKind::kCollective : kind_ == WaitKind::kMessage ? EventKind::kMessage : EventKind::kSpan;
  recorder_.event(kind, ended.phase, std::string_view(label_.name, strnlen(label_.name, sizeof(label_.name))), left_.at_ns, ended.at_ns, kMainTrack, label_.count,
                  sequence_, label_.detail);
}

void Wait::tell(WaitKind kind, const OperationLabel& label, uint64_t sequence) {
  flight::Now& now = *recorder_.now_;
  const Name name = name_words(label);
  now.wait_since_ns.store(left_.at_ns, kRelaxed);
  now.wait_call.store(sequence, kRelaxed);
  now.wait_count.store(label.count, kRelaxed);
  now.wait_detail.store(label.detail, kRelaxed);
  now.wait_name[0].store(name.words[0], kRelaxed);
  now.wait_name[1].store(name.words[1], kRelaxed);
  now.waiting.store(static_cast<uint64_t>(kind), std::memory_order_release);
}

void Wait::held_up_by(uint64_t sequence, const OperationLabel& label) { tell(WaitKind::kCollective, label, sequence); }

}  // namespace cohort::core
