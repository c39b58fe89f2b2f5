#include "core/flight/evidence.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/durable_file.h"
#include "core/error.h"
#include "core/flight/process.h"

namespace cohort::core {
namespace {

constexpr int64_t kSilenceNs = 60'000'000'000;

int64_t system_now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

Life life_of(ProcessState state) {
  switch (state) {
    case ProcessState::kGone: return Life::kGone;
    case ProcessState::kStopped: return Life::kStopped;
    case ProcessState::kRunning: break;
  }
  return Life::kRunning;
}

}  // namespace

std::vector<RankEvidence> look_for_ranks(const Flights& flights) {
  const std::string host = host_name().substr(0, 63), boot = boot_id();
  const uint64_t kills = memory_now().oom_kills;
  std::vector<RankEvidence> all;
  for (const FlightSnapshot& flight : flights.ranks) {
    RankEvidence rank{.flight = flight};
    const bool here = flight.host == host && flight.boot == boot;
    if (here) {
      rank.life = life_of(process_state(flight.pid, flight.process_start));
      rank.now_ns = rank.life == Life::kGone ? flight.heartbeat_ns : flight_now_ns();
      rank.oom_killed = kills > flight.oom_kills;
    } else {
      rank.now_ns = flight.heartbeat_ns;
      if (system_now_ns() - flight.epoch_ns - flight.heartbeat_ns > kSilenceNs) rank.life = Life::kGone;
    }
    all.push_back(std::move(rank));
  }
  return all;
}

std::filesystem::path culprit_path(const std::filesystem::path& run, int attempt) { return run / "logs" / fmt::format("culprit-{}.json", attempt); }

bool claim_culprit(const std::filesystem::path& run, int attempt, const Diagnosis& diagnosis) {
  const int file = ::open(culprit_path(run, attempt).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (file < 0) return errno != EEXIST;
  const std::string text = to_json(diagnosis).dump(2) + "\n";
  // A full disk leaves less: what matters is printed.
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t written = ::write(file, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) break;
    done += static_cast<std::size_t>(written);
  }
  ::close(file);
  return true;
}

std::optional<Diagnosis> read_culprit(const std::filesystem::path& run, int attempt) {
  std::error_code error;
  const std::filesystem::path path = culprit_path(run, attempt);
  if (!std::filesystem::exists(path, error)) return std::nullopt;
  try {
    return diagnosis_from_json(nlohmann::json::parse(read_file(path)));
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

}  // namespace cohort::core
