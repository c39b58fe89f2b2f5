#include "launch/data/supervisor.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <cstdlib>
#include <ctime>
#include <optional>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/durable_file.h"
#include "core/error.h"
#include "core/flight/process.h"
#include "core/log.h"
#include "launch/data/culprit.h"
#include "launch/data/host_file.h"
#include "launch/data/launched_run.h"
#include "launch/data/mpirun_process.h"

namespace cohort::launch {
namespace fs = std::filesystem;
namespace {

constexpr double kLongestPause = 60;
constexpr std::chrono::milliseconds kLook{50};

/// Signals that come to this process, taken one by one.
class SignalInbox {
 public:
  SignalInbox() {
    sigemptyset(&set_);
    for (const int signal : {SIGUSR1, SIGUSR2, SIGTERM, SIGINT, SIGCHLD}) sigaddset(&set_, signal);
    sigprocmask(SIG_BLOCK, &set_, &before_);
  }
  ~SignalInbox() { sigprocmask(SIG_SETMASK, &before_, nullptr); }
  SignalInbox(const SignalInbox&) = delete;
  SignalInbox& operator=(const SignalInbox&) = delete;

  /// The next one that asks for a stop; nothing after `wait`, or when a child changed.
  std::optional<int> next(std::chrono::milliseconds wait) {
    const timespec limit{.tv_sec = wait.count() / 1000, .tv_nsec = wait.count() % 1000 * 1'000'000};
    const int signal = sigtimedwait(&set_, nullptr, &limit);
    return signal > 0 && signal != SIGCHLD ? std::optional(signal) : std::nullopt;
  }

 private:
  sigset_t set_, before_;
};

std::string time_text() { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))); }

/// Unlike any other launch's, on any machine.
std::string new_token() {
  return fmt::format("{}-{}-{}", core::host_name(), ::getpid(), std::chrono::system_clock::now().time_since_epoch().count());
}

class Supervisor {
 public:
  explicit Supervisor(const SuperviseRequest& request) : request_(request), run_(request.words, token_), ranks_(request.ranks) {
    if (request.hosts.empty()) return;
    hosts_ = read_host_file(request.hosts);
    own_host_file_ = fs::temp_directory_path() / fmt::format("cohort-hosts-{}", ::getpid());
  }
  ~Supervisor() {
    std::error_code none;
    if (!own_host_file_.empty()) fs::remove(own_host_file_, none);
  }
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  int run() {
    for (;;) {
      const int status = attempt();
      if (is_final(status)) return status;
      if (stop_asked_) return stopped(status);
      if (!prepare_restart()) return static_cast<int>(core::Exit::kFailed);
      if (pause()) return stopped(0);
    }
  }

 private:
  static bool is_final(int status) {
    return status == static_cast<int>(core::Exit::kDone) || status == static_cast<int>(core::Exit::kUsage) || status == static_cast<int>(core::Exit::kDamaged) ||
           status == static_cast<int>(core::Exit::kStopped);
  }

  std::vector<std::string> command() {
    std::vector<std::string> words = {"mpirun", "-n", std::to_string(ranks_)};
    if (!hosts_.empty()) {
      std::string text;
      for (const HostLine& line : hosts_) text += line.text + "\n";
      core::write_file_durably(own_host_file_, text);
      words.insert(words.end(), {"--hostfile", own_host_file_.string(), "-x", "COHORT_ATTEMPT", "-x", "COHORT_LAUNCH"});
      if (std::getenv("COHORT_DRILL") != nullptr) words.insert(words.end(), {"-x", "COHORT_DRILL"});
    }
    words.insert(words.end(), request_.mpirun_options.begin(), request_.mpirun_options.end());
    words.push_back(fs::read_symlink("/proc/self/exe").string());
    const std::vector<std::string> train = run_.next_words();
    words.insert(words.end(), train.begin(), train.end());
    return words;
  }

  int attempt() {
    ++attempts_;
    const std::vector<std::string> words = command();
    spdlog::info("launch: attempt {} on {} rank{}{}", attempts_, ranks_, ranks_ == 1 ? "" : "s", run_.folder() ? ", going on with " + run_.folder()->string() : "");
    nlohmann::ordered_json record = {{"attempt", attempts_}, {"ranks", ranks_}, {"command", words}, {"started", time_text()}, {"from_step", std::max<int64_t>(run_.checkpoint(), 0)}};
    MpirunProcess mpirun(words, {fmt::format("COHORT_ATTEMPT={}", attempts_), "COHORT_LAUNCH=" + token_});
    std::optional<int> status;
    while (!(status = mpirun.ended()))
      if (const auto signal = inbox_.next(kLook)) forward(*signal, mpirun);
    // An mpirun so young that it didn't forward signals yet dies of them.
    if (stop_asked_ && mpirun.killed() && !is_final(*status)) status = static_cast<int>(core::Exit::kStopped);
    record["ended"] = time_text();
    record["status"] = *status;
    if (!is_final(*status) && !stop_asked_) {
      blamed_ = find_blamed(run_.folder(), mpirun.messages(), *status, recorded_);
      recorded_ = std::max(recorded_, blamed_.recorded);
      record["rank"] = blamed_.rank < 0 ? nlohmann::ordered_json() : nlohmann::ordered_json(blamed_.rank);
      record["reason"] = blamed_.sentence;
      no_room_ = mpirun.messages().find("not enough slots available") != std::string::npos;
    }
    keep(std::move(record));
    return *status;
  }

  /// TERM would make mpirun kill its ranks: it is passed on as USR1, which they answer by a checkpoint.
  void forward(int signal, MpirunProcess& mpirun) {
    if (!stop_asked_) {
      spdlog::info("launch: signal {} came: the ranks are asked for a checkpoint and a stop", ::strsignal(signal));
      mpirun.signal(signal == SIGUSR2 ? SIGUSR2 : SIGUSR1);
    } else {
      spdlog::info("launch: a second signal came: the ranks are ended at once");
      mpirun.signal(signal == SIGINT ? SIGTERM : signal);
    }
    stop_asked_ = true;
  }

  /// launch.json in the run's folder: all attempts so far.
  void keep(nlohmann::ordered_json record) {
    record["to_step"] = std::max<int64_t>(run_.checkpoint(), 0);
    history_.push_back(std::move(record));
    if (!run_.folder()) return;
    try {
      core::write_file_durably(*run_.folder() / "launch.json", nlohmann::ordered_json{{"attempts", history_}}.dump(1) + "\n");
    } catch (const core::Error& error) {
      spdlog::warn("launch: {}", error.message());  // a full disk, say: the run itself tells
    }
  }

  int stopped(int status) {
    const int64_t step = run_.checkpoint();
    spdlog::info("launch: stopped{}; run the same command again with --resume", step < 0 ? " before the first checkpoint" : fmt::format("; the last checkpoint is of step {}", step));
    if (status > 1) spdlog::info("launch: mpirun ended with status {}", status);
    return static_cast<int>(core::Exit::kStopped);
  }

  /// False where nothing is left to be tried: then it has been said.
  bool prepare_restart() {
    if (no_room_) return give_up("mpirun finds too few slots", "use fewer ranks (-n), a larger hostfile, or --mpirun-option --oversubscribe");
    const int64_t reached = run_.checkpoint();
    const bool further = reached > reached_;
    reached_ = reached;
    failures_ = further ? 1 : failures_ + 1;
    const bool again = !further && blamed_.rank >= 0 && blamed_.rank == last_blamed_;
    last_blamed_ = blamed_.rank;
    spdlog::warn("launch: {}{}", blamed_.sentence, reached < 0 ? ", before the first checkpoint" : fmt::format("; the last checkpoint is of step {}", reached));
    if (failures_ > request_.restarts)
      return give_up(fmt::format("{} attempt{} in a row got no further than {}: {}", failures_, failures_ == 1 ? "" : "s",
                                 reached < 0 ? "the start" : fmt::format("step {}", reached), blamed_.sentence),
                     run_.folder() ? fmt::format("`cohort doctor {}` tells what the ranks were doing; the same command with --resume goes on", run_.folder()->string())
                                   : "see the messages above");
    if (!drop_silent_hosts()) return false;
    if (again && ranks_ > request_.min_ranks) {
      --ranks_;
      last_blamed_ = -1;
      spdlog::warn("launch: rank {} failed twice at the same place: going on with {} rank{}", blamed_.rank, ranks_, ranks_ == 1 ? "" : "s");
    }
    return true;
  }

  bool drop_silent_hosts() {
    const auto silent = [](const HostLine& line) { return !line.host.empty() && !answers(line.host); };
    for (auto line = hosts_.begin(); line != hosts_.end();) {
      if (!silent(*line)) {
        ++line;
        continue;
      }
      spdlog::warn("launch: {} doesn't answer: going on without it", line->host);
      line = hosts_.erase(line);
      ranks_ = std::min(ranks_, slots_of(hosts_));
    }
    if (ranks_ >= std::max(1, request_.min_ranks)) return true;
    return give_up(fmt::format("the hosts that answer have {} slots, at least {} are needed", slots_of(hosts_), request_.min_ranks), "repair the hosts, or lower --min-ranks");
  }

  static bool give_up(const std::string& why, const std::string& remedy) {
    fmt::print(stderr, "{}\n", core::failed_error("launch gives up: " + why, remedy).what());
    return false;
  }

  /// True where a stop is asked for meanwhile.
  bool pause() {
    double seconds = request_.pause;
    for (int i = 1; i < failures_ && seconds < kLongestPause; ++i) seconds *= 2;
    seconds = std::min(seconds, kLongestPause);
    spdlog::info("launch: restart {} of {} in {:.1f} s", failures_, request_.restarts, seconds);
    const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    while (std::chrono::steady_clock::now() < until)
      if (inbox_.next(kLook)) stop_asked_ = true;
    return stop_asked_;
  }

  const SuperviseRequest& request_;
  SignalInbox inbox_;
  const std::string token_ = new_token();
  LaunchedRun run_;
  int ranks_;
  std::vector<HostLine> hosts_;
  fs::path own_host_file_;
  int attempts_ = 0;
  int failures_ = 0;       ///< in a row without a later checkpoint
  int64_t reached_ = -1;   ///< the newest checkpoint at the last failure
  int last_blamed_ = -1;
  Blamed blamed_;
  int recorded_ = 0;  ///< the last attempt of the run whose recorders were read
  bool no_room_ = false;
  bool stop_asked_ = false;
  std::vector<nlohmann::ordered_json> history_;
};

}  // namespace

int supervise(const SuperviseRequest& request) { return Supervisor(request).run(); }

}  // namespace cohort::launch
