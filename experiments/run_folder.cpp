#include "experiments/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <random>
#include <thread>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "core/durable_file.h"
#include "core/error.h"
#include "core/log.h"
#include "datasets/prediction_file.h"
#include "trainer/stop_request.h"

namespace cohort::experiments {
namespace fs = std::filesystem;
namespace {

constexpr const char* kInfo = "run.json";
constexpr std::chrono::seconds kLongestWait{60};
constexpr std::chrono::milliseconds kLockLook{100};

nlohmann::json read_info(const fs::path& run) {
  return nlohmann::json::parse(core::read_file(run / kInfo), nullptr, /*allow_exceptions=*/false);
}

/// Whether `cohort launch` has begun this run before.
bool is_restart() {
  const char* attempt = std::getenv("COHORT_ATTEMPT");
  return attempt != nullptr && std::atoll(attempt) > 1;
}

/// The lock on an open file, waited for in a restart; gives an errno, or 0.
int take_lock(int descriptor, const fs::path& folder) {
  const auto until = std::chrono::steady_clock::now() + kLongestWait;
  for (bool first = true; ::flock(descriptor, LOCK_EX | LOCK_NB) != 0; first = false) {
    const int reason = errno;
    if (reason != EWOULDBLOCK || !is_restart() || trainer::stop_requested() || std::chrono::steady_clock::now() >= until) return reason;
    if (first) spdlog::info("{} is still in use by the attempt before: waiting for it, {} s at most", folder.string(), kLongestWait.count());
    std::this_thread::sleep_for(kLockLook);
  }
  return 0;
}

}  // namespace

FolderLock::FolderLock(const fs::path& folder) {
  const fs::path file = folder / "lock";
  descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) throw core::system_error("can't open " + file.string(), errno);
  if (const int reason = take_lock(descriptor_, folder); reason != 0) {
    ::close(descriptor_);
    if (reason == EWOULDBLOCK)
      throw core::usage_error("run folder " + folder.string() + " is in use by another process", "wait for that run to end, or start a new one without --resume");
    throw core::system_error("can't lock " + file.string(), reason);
  }
}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::optional<fs::path> find_unfinished(const fs::path& runs, const std::string& experiment, const std::string& identity) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(runs / experiment, error)) {
    if (!fs::exists(entry.path() / kInfo)) continue;
    const nlohmann::json info = read_info(entry.path());
    if (info.is_object() && info.value("state", "") != "finished" && info.value("experiment_identity", "") == identity) found.push_back(entry.path());
  }
  if (found.empty()) return std::nullopt;
  return *std::max_element(found.begin(), found.end());
}

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

nlohmann::ordered_json number_or_null(double value) { return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(); }

std::string iso_time(double seconds) { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(seconds))); }

std::string new_run_id() {
  // The one number here that is to differ between two runs of the same experiment.
  std::random_device device;
  return fmt::format("{:%Y%m%d-%H%M%S}-{:08x}", fmt::gmtime(static_cast<std::time_t>(now_seconds())), device());
}

RunFolder::RunFolder(fs::path path, bool resume) : path_(std::move(path)), status_(path_) {
  std::error_code error;
  for (const fs::path& folder : {path_, path_ / "checkpoints", path_ / "logs"}) {
    fs::create_directories(folder, error);
    if (error) throw core::system_error("can't create run folder " + folder.string(), error.value());
  }
  lock_ = std::make_unique<FolderLock>(path_);
  if (resume && fs::exists(path_ / kInfo)) {
    const auto before = nlohmann::ordered_json::parse(core::read_file(path_ / kInfo), nullptr, false);
    if (before.is_discarded()) throw core::damaged_error((path_ / kInfo).string() + " is no JSON document", "start a new run without --resume");
    info_ = before;
    attempt_ = before.value("attempts", 0) + 1;
  }
  info_["attempts"] = attempt_;
  metrics_ = append_lines(path_ / "metrics.jsonl");
}

RunFolder::~RunFolder() {
  if (metrics_ != nullptr) std::fclose(metrics_);
  const std::string state = info_.value("state", "");
  if (state != "running" && state != "evaluating" && state != "publishing") return;
  // An error is on its way out: the record should say so, but must not hide it.
  try {
    enter("failed");
  } catch (const core::Error& error) {
    spdlog::warn("run.json could not be marked as failed: {}", error.message());
  }
}

void RunFolder::save_info() { core::write_file_durably(path_ / kInfo, info_.dump(2) + "\n"); }

void RunFolder::begin(uint64_t step) {
  if (!ledger_) {
    ledger_ = std::make_unique<LedgerWriter>(path_ / kLedgerName);
  } else {
    // Gone back to a checkpoint: what is told of these steps from here on counts, as after a restart.
    info_["attempts"] = ++attempt_;
    save_info();
  }
  ledger_->begin(attempt_, step, info_.value("seed", int64_t{0}));
}

void RunFolder::rows(uint64_t step, uint64_t epoch, const datasets::RowSum& sum) { ledger_->add(attempt_, step, epoch, sum); }

void RunFolder::sync() { ledger_->sync(); }

void RunFolder::metric(uint64_t step, uint64_t epoch, const std::string& split, const std::string& name, double value) {
  const nlohmann::ordered_json line = {{"attempt", attempt_}, {"step", step},  {"epoch", epoch},       {"split", split},
                                       {"name", name},        {"value", number_or_null(value)}, {"time", now_seconds()}};
  const std::string text = line.dump() + "\n";
  if (std::fwrite(text.data(), 1, text.size(), metrics_) != text.size() || std::fflush(metrics_) != 0)
    throw core::system_error("can't write " + (path_ / "metrics.jsonl").string(), errno);
}

void RunFolder::status(const trainer::TrainingStatus& now) { status_.training(now, attempt_); }

void RunFolder::enter(const std::string& state) {
  info_["state"] = state == "starting" ? "running" : state;
  save_info();
  status_.state(state, attempt_);
}

void RunFolder::predictions(const trainer::Predictions& all) {
  const auto width = static_cast<std::size_t>(all.outputs);
  datasets::write_prediction_file(path_ / ("predictions-" + datasets::to_string(all.part) + ".h5"), all.row, all.label, all.prediction, width);
}

}  // namespace cohort::experiments
