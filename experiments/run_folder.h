// A run's folder: `RUNS/<experiment>/<run id>/`.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "experiments/ledger.h"
#include "experiments/status_file.h"
#include "trainer/scoring.h"
#include "trainer/sink.h"

namespace cohort::experiments {

/// A file lock that lasts as long as the object; it goes with the process, however that ends.
class FolderLock {
 public:
  /// Throws Error (usage) when another process holds it. In a further attempt of `cohort launch` (COHORT_ATTEMPT above 1) after a minute only: the attempt before
  /// may have left a process that is about to end, or a network file system that hasn't noticed the death.
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1;
};

/// The newest run of `experiment` below `runs` that is not finished and was made from an experiment of this identity.
std::optional<std::filesystem::path> find_unfinished(const std::filesystem::path& runs, const std::string& experiment, const std::string& identity);

/// `<UTC time>-<8 hex digits>`: sorts by time.
std::string new_run_id();

/// Rank 0's hand on the folder. Each attempt appends to metrics.jsonl; run.json and status.json are replaced whole.
class RunFolder final : public trainer::Sink {
 public:
  /// Creates the folder, or opens it for a further attempt; takes the lock. Throws Error: usage when it is in use, failed when it can't be written.
  RunFolder(std::filesystem::path path, bool resume);
  ~RunFolder() override;

  const std::filesystem::path& path() const { return path_; }
  int attempt() const { return attempt_; }
  /// run.json as it stands.
  nlohmann::ordered_json& info() { return info_; }
  /// Writes run.json durably.
  void save_info();
  /// Saves run.json with this state, and tells watchers: "starting" (in run.json "running"), "evaluating", "publishing", "finished", "stopped" or "failed".
  void enter(const std::string& state);

  void begin(uint64_t step) override;
  void rows(uint64_t step, uint64_t epoch, const datasets::RowSum& sum) override;
  void sync() override;
  void metric(uint64_t step, uint64_t epoch, const std::string& split, const std::string& name, double value) override;
  void status(const trainer::TrainingStatus& now) override;
  /// predictions-<split>.h5: row, label, prediction.
  void predictions(const trainer::Predictions& all);

 private:
  std::filesystem::path path_;
  std::unique_ptr<FolderLock> lock_;
  nlohmann::ordered_json info_;
  std::FILE* metrics_ = nullptr;
  std::unique_ptr<LedgerWriter> ledger_;  ///< from the first step on
  int attempt_ = 1;
  StatusFile status_;
};

/// Seconds since 1970, and the same as ISO 8601 UTC.
double now_seconds();
std::string iso_time(double seconds);

/// JSON has no infinities and no NaN: null stands for them.
nlohmann::ordered_json number_or_null(double value);

}  // namespace cohort::experiments
