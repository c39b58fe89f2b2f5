#include "launch/data/launched_run.h"

#include <algorithm>
#include <charconv>

#include <nlohmann/json.hpp>

#include "core/durable_file.h"
#include "core/error.h"
#include "core/toml_document.h"

namespace cohort::launch {
namespace fs = std::filesystem;
namespace {

/// What matters here of a `train` command line.
struct TrainWords {
  std::string experiment, runs = "runs";
  std::vector<std::string> overrides;
};

/// How many words from i on are `--resume` and its value; 0 where another word stands there.
std::size_t resume_words(const std::vector<std::string>& words, std::size_t i) {
  if (words[i].rfind("--resume=", 0) == 0) return 1;
  if (words[i] != "--resume") return 0;
  return i + 1 < words.size() && words[i + 1].rfind("-", 0) != 0 ? 2 : 1;
}

TrainWords read_train_words(const std::vector<std::string>& words) {
  TrainWords read;
  const auto value_of = [&](std::size_t& i, const std::string& name) -> std::optional<std::string> {
    if (words[i] == name && i + 1 < words.size()) return words[++i];
    if (words[i].rfind(name + "=", 0) == 0) return words[i].substr(name.size() + 1);
    return std::nullopt;
  };
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (auto runs = value_of(i, "--runs")) read.runs = *runs;
    else if (auto assignment = value_of(i, "--set")) read.overrides.push_back(*assignment);
    else if (value_of(i, "--data") || value_of(i, "--registry") || value_of(i, "--log-level")) continue;
    else if (const std::size_t taken = resume_words(words, i); taken > 0) i += taken - 1;
    else if (words[i].rfind("-", 0) != 0 && read.experiment.empty()) read.experiment = words[i];
  }
  return read;
}

/// The experiment's name; "" where the file has none: then `train` says so.
std::string experiment_name(const TrainWords& words) {
  core::TomlDocument document = core::TomlDocument::load(words.experiment);
  for (const std::string& assignment : words.overrides) document.set(assignment);
  const std::string text = document.text("name");
  const nlohmann::json name = nlohmann::json::parse(text, nullptr, false);
  if (name.is_string()) return name.get<std::string>();
  return text.size() > 2 && text.front() == '\'' ? text.substr(1, text.size() - 2) : "";
}

nlohmann::json read_run_info(const fs::path& folder) {
  try {
    return nlohmann::json::parse(core::read_file(folder / "run.json"), nullptr, false);
  } catch (const core::Error&) {
    return {};
  }
}

/// "" where there is none.
std::string text_member(const nlohmann::json& info, const char* key) {
  const auto found = info.is_object() ? info.find(key) : info.end();
  return found != info.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

LaunchedRun::LaunchedRun(std::vector<std::string> words, std::string token) : words_(std::move(words)), token_(std::move(token)) {
  if (words_.empty() || words_.front() != "train")
    throw core::usage_error("`cohort launch` supervises `train`", "write it like: cohort launch -n 4 -- train experiment.toml --data DATASET");
  const TrainWords read = read_train_words(words_);
  if (read.experiment.empty()) throw core::usage_error("no experiment file is named", "write it like: cohort launch -n 4 -- train experiment.toml --data DATASET");
  home_ = fs::path(read.runs) / experiment_name(read);
}

const std::optional<fs::path>& LaunchedRun::folder() {
  if (folder_) return folder_;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(home_, none))
    if (text_member(read_run_info(entry.path()), "launch") == token_) return folder_ = entry.path();
  return folder_;
}

std::vector<std::string> LaunchedRun::next_words() {
  if (!folder()) return words_;
  std::vector<std::string> words;
  for (std::size_t i = 0; i < words_.size();) {
    const std::size_t taken = resume_words(words_, i);
    if (taken == 0) words.push_back(words_[i]);
    i += std::max<std::size_t>(taken, 1);
  }
  words.push_back("--resume=" + folder_->string());
  return words;
}

int64_t LaunchedRun::checkpoint() {
  int64_t newest = -1;
  if (!folder()) return newest;
  const std::string prefix = "step-";
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(*folder_ / "checkpoints", none)) {
    const std::string name = entry.path().filename().string();
    int64_t step = 0;
    if (name.rfind(prefix, 0) == 0 && std::from_chars(name.data() + prefix.size(), name.data() + name.size(), step).ec == std::errc()) newest = std::max(newest, step);
  }
  return newest;
}

std::string LaunchedRun::state() {
  if (!folder()) return "";
  return text_member(read_run_info(*folder_), "state");
}

}  // namespace cohort::launch
