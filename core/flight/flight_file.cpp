#include "core/flight/flight_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "core/error.h"
#include "core/flight/flight_layout.h"

namespace cohort::core {
namespace {

namespace fs = std::filesystem;
using flight::Call;
using flight::Now;
using flight::Who;

constexpr const char* kRemedy = "it was written by something else, or the disk lost a part of it: remove it; the run itself doesn't need it";
// The oldest calls may be overwritten while they are read.
constexpr uint64_t kAboutToGo = 8;
constexpr int kMostRanks = 1 << 20;

class FlightReader {
 public:
  FlightReader(std::string_view bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  FlightSnapshot read(bool with_events) {
    check_size();
    read_who();
    read_now();
    read_calls();
    if (with_events) read_events();
    return std::move(out_);
  }

 private:
  [[noreturn]] void damaged(const std::string& what) const { throw damaged_error(name_ + " is no flight file: " + what, kRemedy); }
  void require(bool holds, const char* what) const {
    if (!holds) damaged(what);
  }

  template <class T>
  T at(std::size_t offset) const {
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof(T));
    return value;
  }
  /// Of `size` bytes at most, up to the first zero; letters that a terminal would obey are replaced.
  std::string text(std::size_t offset, std::size_t size) const {
    std::string text(bytes_.substr(offset, size));
    text.resize(std::min(text.find('\0'), text.size()));
    for (char& letter : text)
      if ((static_cast<unsigned char>(letter) < 0x20 && letter != '\n' && letter != '\t') || letter == 0x7f) letter = '?';
    return text;
  }

  void check_size() {
    require(bytes_.size() >= flight::kEventsAt, "it is too short");
    require(at<uint64_t>(offsetof(Who, magic)) == flight::kMagic, "it begins otherwise");
    const auto version = at<uint32_t>(offsetof(Who, version));
    if (version != flight::kVersion) damaged(fmt::format("its format is version {}, and this program reads version {}", version, flight::kVersion));
    events_ = at<uint32_t>(offsetof(Who, events));
    require(events_ > 0 && events_ <= flight::kMostEvents, "its number of events is out of range");
    if (bytes_.size() != flight::file_bytes(events_))
      damaged(fmt::format("it has {} bytes where its header asks for {}", bytes_.size(), flight::file_bytes(events_)));
  }

  void read_who() {
    out_.rank = at<int32_t>(offsetof(Who, rank));
    out_.world = at<int32_t>(offsetof(Who, world));
    out_.node = at<int32_t>(offsetof(Who, node));
    out_.attempt = at<int32_t>(offsetof(Who, attempt));
    out_.pid = at<int64_t>(offsetof(Who, pid));
    require(out_.world > 0 && out_.world <= kMostRanks && out_.rank >= 0 && out_.rank < out_.world, "its rank is out of range");
    require(out_.attempt > 0 && out_.pid > 0, "its attempt or process is out of range");
    out_.process_start = at<uint64_t>(offsetof(Who, process_start));
    out_.host = text(offsetof(Who, host), sizeof(Who::host));
    out_.boot = text(offsetof(Who, boot), sizeof(Who::boot));
    out_.started_ns = at<int64_t>(offsetof(Who, started_ns));
    out_.clock_offset_ns = at<int64_t>(offsetof(Who, clock_offset_ns));
    out_.epoch_ns = at<int64_t>(offsetof(Who, epoch_ns));
    out_.timeout_ns = at<int64_t>(offsetof(Who, timeout_ns));
    out_.oom_kills = at<uint64_t>(offsetof(Who, oom_kills));
    const int64_t limit = int64_t{1} << 61;  // sums and differences of two stay within 64 bits
    for (const int64_t time : {out_.started_ns, out_.clock_offset_ns, out_.epoch_ns, out_.timeout_ns}) require(time > -limit && time < limit, "a time is out of range");
  }

  template <class T>
  T now(std::size_t offset) const {
    return at<T>(flight::kPage + offset);
  }
  /// A moment; what is out of range becomes the start.
  int64_t moment(std::size_t offset) const {
    const int64_t time = now<int64_t>(offset);
    return time >= 0 && time < int64_t{1} << 61 ? time : out_.started_ns;
  }

  void read_now() {
    const auto state = now<uint64_t>(offsetof(Now, state));
    require(state >= 1 && state <= static_cast<uint64_t>(FlightState::kEndedByWatchdog), "its state is out of range");
    out_.state = static_cast<FlightState>(state);
    const auto flags = now<uint64_t>(offsetof(Now, flags));
    out_.out_of_memory = (flags & 1) != 0;
    out_.everywhere = (flags & 2) != 0;
    const auto size = now<uint64_t>(offsetof(Now, message_bytes));
    require(size <= sizeof(Now::message), "its message is out of range");
    if (out_.state == FlightState::kFailed) out_.message = text(flight::kPage + offsetof(Now, message), size);
    out_.step = now<uint64_t>(offsetof(Now, step));
    out_.epoch = now<uint64_t>(offsetof(Now, epoch));
    const auto phase = now<uint64_t>(offsetof(Now, phase));
    require(phase < kPhases, "its phase is out of range");
    out_.phase = static_cast<Phase>(phase);
    out_.phase_since_ns = moment(offsetof(Now, phase_since_ns));
    out_.heartbeat_ns = moment(offsetof(Now, heartbeat_ns));
    out_.called = now<uint64_t>(offsetof(Now, called));
    const auto waiting = now<uint64_t>(offsetof(Now, waiting));
    require(waiting <= static_cast<uint64_t>(WaitKind::kData), "what it waits for is out of range");
    out_.waiting = {.kind = static_cast<WaitKind>(waiting),
                    .since_ns = moment(offsetof(Now, wait_since_ns)),
                    .call = now<uint64_t>(offsetof(Now, wait_call)),
                    .count = now<uint64_t>(offsetof(Now, wait_count)),
                    .detail = static_cast<uint32_t>(now<uint64_t>(offsetof(Now, wait_detail))),
                    .name = text(flight::kPage + offsetof(Now, wait_name), 16)};
    out_.memory_bytes = now<uint64_t>(offsetof(Now, memory_bytes));
    out_.memory_peak = now<uint64_t>(offsetof(Now, memory_peak));
    out_.memory_free = now<uint64_t>(offsetof(Now, memory_free));
    out_.memory_limit = now<uint64_t>(offsetof(Now, memory_limit));
    for (std::size_t p = 0; p < kPhases; ++p) {
      out_.phase_ns[p] = std::clamp<int64_t>(now<int64_t>(offsetof(Now, phase_ns) + p * 8), 0, int64_t{1} << 56);
      out_.phase_counts[p] = now<uint64_t>(offsetof(Now, phase_counts) + p * 8);
    }
    out_.events_written = now<uint64_t>(offsetof(Now, event_head));
  }

  void read_calls() {
    for (std::size_t i = 0; i < flight::kCalls; ++i) {
      const std::size_t offset = 2 * flight::kPage + i * sizeof(Call);
      const auto sequence = at<uint64_t>(offset + offsetof(Call, sequence));
      if (sequence == 0 || sequence > out_.called) continue;  // never used, or being written
      if (sequence + flight::kCalls - kAboutToGo <= out_.called) continue;
      require(sequence % flight::kCalls == i, "its calls are in disorder");
      out_.calls[sequence] = {.name = text(offset + offsetof(Call, name), 16),
                              .count = at<uint64_t>(offset + offsetof(Call, count)),
                              .step = at<uint64_t>(offset + offsetof(Call, step)),
                              .detail = static_cast<uint32_t>(at<uint64_t>(offset + offsetof(Call, detail)))};
    }
  }

  void read_events() {
    const uint64_t written = out_.events_written;
    for (uint64_t number = written - std::min<uint64_t>(written, events_); number < written; ++number) {
      const std::size_t offset = flight::kEventsAt + number % events_ * sizeof(flight::Event);
      const auto word = [&](std::size_t i) { return at<uint64_t>(offset + i * 8); };
      if (static_cast<uint32_t>(word(6) >> 32) != static_cast<uint32_t>(number + 1)) continue;
      const uint64_t kind = word(7) >> 32 & 0xff, phase = word(7) >> 40 & 0xff;
      const auto begin = static_cast<int64_t>(word(0)), duration = static_cast<int64_t>(word(1));
      const int64_t limit = int64_t{1} << 61;
      // What was half written when the rank died, or was being written while this was read.
      if (kind < 1 || kind > static_cast<uint64_t>(EventKind::kMark) || phase >= kPhases || begin < 0 || begin > limit || duration < 0 || duration > limit) continue;
      out_.events.push_back({.begin_ns = begin,
                             .duration_ns = duration,
                             .kind = static_cast<EventKind>(kind),
                             .phase = static_cast<Phase>(phase),
                             .track = static_cast<Track>(word(7) >> 48),
                             .name = text(offset + 32, 16),
                             .step = word(6) & 0xffffffff,
                             .sequence = word(2),
                             .count = word(3),
                             .detail = static_cast<uint32_t>(word(7))});
    }
  }

  std::string_view bytes_;
  const std::string& name_;
  uint32_t events_ = 0;
  FlightSnapshot out_;
};

struct OpenFile {
  int descriptor;
  ~OpenFile() {
    if (descriptor >= 0) ::close(descriptor);
  }
};

/// The rank in "flight-<rank>.bin"; -1 for other names.
int rank_in_name(const std::string& name) {
  constexpr std::string_view kBefore = "flight-", kAfter = ".bin";
  if (!name.starts_with(kBefore) || !name.ends_with(kAfter)) return -1;
  const char *begin = name.data() + kBefore.size(), *end = name.data() + name.size() - kAfter.size();
  int rank = -1;
  const auto [after, code] = std::from_chars(begin, end, rank);
  return code == std::errc() && after == end ? rank : -1;
}

}  // namespace

FlightSnapshot parse_flight(std::string_view bytes, const std::string& name, bool with_events) { return FlightReader(bytes, name).read(with_events); }

FlightSnapshot read_flight(const fs::path& path, bool with_events) {
  const OpenFile file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.descriptor < 0) {
    if (errno == ENOENT) throw usage_error(path.string() + " doesn't exist", "a run writes it once its folder is made");
    throw system_error("can't open " + path.string(), errno);
  }
  struct stat about {};
  if (::fstat(file.descriptor, &about) != 0) throw system_error("can't read " + path.string(), errno);
  if (about.st_size < 0 || static_cast<std::size_t>(about.st_size) > flight::file_bytes(flight::kMostEvents))
    throw damaged_error(path.string() + " is no flight file: it is too long", kRemedy);
  std::string bytes(static_cast<std::size_t>(about.st_size), '\0');
  // Without its events a file of this program's own is looked at in 16 KiB: the rest is left zero.
  const std::size_t wanted = with_events ? bytes.size() : std::min(bytes.size(), flight::kEventsAt);
  for (std::size_t done = 0; done < wanted;) {
    const ssize_t got = ::pread(file.descriptor, bytes.data() + done, wanted - done, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw system_error("can't read " + path.string(), errno);
    if (got == 0) break;  // it became shorter
    done += static_cast<std::size_t>(got);
  }
  return parse_flight(bytes, path.string(), with_events);
}

fs::path flight_path(const fs::path& run, int rank) { return run / "logs" / fmt::format("flight-{}.bin", rank); }

Flights read_flights(const fs::path& run, bool with_events) {
  std::vector<std::pair<int, fs::path>> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(run / "logs", error)) {
    const int rank = rank_in_name(entry.path().filename().string());
    if (rank >= 0) files.emplace_back(rank, entry.path());
  }
  if (files.empty())
    throw usage_error((run / "logs").string() + " holds no flight files", "give the folder of a run: RUNS/<experiment>/<run id>; a run writes them from its start on");
  std::sort(files.begin(), files.end());
  Flights flights;
  std::optional<Error> first;
  for (const auto& [rank, path] : files) {
    FlightSnapshot one;
    try {
      one = read_flight(path, with_events);
      if (one.rank != rank) throw damaged_error(fmt::format("{} is that of rank {}", path.string(), one.rank), kRemedy);
    } catch (const Error& error) {
      flights.unreadable.push_back(error.message());
      if (!first) first = error;
      continue;
    }
    if (one.attempt > flights.attempt) flights.ranks.clear();
    if (one.attempt < flights.attempt) continue;
    flights.attempt = one.attempt;
    flights.world = one.world;
    flights.ranks.push_back(std::move(one));
  }
  if (flights.ranks.empty() && first) throw *first;
  for (const FlightSnapshot& one : flights.ranks)
    if (one.world != flights.world) throw damaged_error(fmt::format("{}: rank {} says that there are {} ranks, another one {}", run.string(), one.rank, one.world, flights.world), kRemedy);
  std::size_t at = 0;
  for (int rank = 0; rank < flights.world; ++rank) {
    if (at < flights.ranks.size() && flights.ranks[at].rank == rank) ++at;
    else flights.missing.push_back(rank);
  }
  return flights;
}

}  // namespace cohort::core
