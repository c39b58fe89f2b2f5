#include "experiments/status_file.h"

#include <cstdio>

#include "experiments/run_folder.h"
#include "trainer/telemetry/bottleneck.h"

namespace cohort::experiments {
namespace {

constexpr double kStatusSeconds = 1;

void add_times(nlohmann::ordered_json& status, const trainer::TimeAttribution& times) {
  const nlohmann::ordered_json all = trainer::to_json(times);
  for (const char* key : {"shares", "remainder", "exposed_communication"}) status["times"][key] = all.at(key);
  status["bottleneck"] = trainer::to_json(trainer::find_bottleneck(times));
  status["memory_bytes"] = status["memory_peak_bytes"] = nlohmann::ordered_json::array();
  for (const trainer::RankTime& rank : times.ranks) {
    status["memory_bytes"].push_back(rank.memory_bytes);
    status["memory_peak_bytes"].push_back(rank.memory_peak);
  }
}

}  // namespace

StatusFile::StatusFile(std::filesystem::path run) : run_(std::move(run)) {}

void StatusFile::state(std::string_view state, int attempt) {
  status_["state"] = state;
  status_["attempt"] = attempt;
  write();
}

void StatusFile::training(const trainer::TrainingStatus& now, int attempt) {
  if (status_.value("state", "") == "training" && now_seconds() - written_ < kStatusSeconds && now.step != now.total_steps) return;
  status_["state"] = "training";
  status_["attempt"] = attempt;
  status_["step"] = now.step;
  status_["total_steps"] = now.total_steps;
  status_["epoch"] = now.epoch;
  status_["loss"] = number_or_null(now.loss);
  status_["rows_per_second"] = number_or_null(now.rows_per_second);
  status_["seconds_left"] = number_or_null(now.seconds_left);
  if (now.times != nullptr && !now.times->empty()) add_times(status_, *now.times);
  write();
}

void StatusFile::write() {
  status_["time"] = written_ = now_seconds();
  const std::filesystem::path temporary = run_ / ".status.json.tmp";
  std::FILE* file = std::fopen(temporary.c_str(), "wb");
  if (file == nullptr) return;
  const std::string text = status_.dump() + "\n";
  const bool whole = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (std::fclose(file) == 0 && whole) std::rename(temporary.c_str(), (run_ / "status.json").c_str());
}

}  // namespace cohort::experiments
