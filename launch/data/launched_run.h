// The run that a `cohort train` command line makes, as seen from outside: its folder and how far it got.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace cohort::launch {

class LaunchedRun {
 public:
  /// `words`: train EXPERIMENT.toml …; `token`: what the run is given as COHORT_LAUNCH and keeps in run.json, so that another launch's run isn't taken for it.
  /// Throws Error (usage) where the words are no `train` or the file can't be read.
  LaunchedRun(std::vector<std::string> words, std::string token);

  /// The words of the next attempt: with --resume=FOLDER once the run has a folder.
  std::vector<std::string> next_words();
  /// Once there is one of this launch: made by it, or taken up by --resume.
  const std::optional<std::filesystem::path>& folder();
  /// Steps of the newest checkpoint; −1 where there is none.
  int64_t checkpoint();
  /// run.json's state; "" where there is none.
  std::string state();

 private:
  std::vector<std::string> words_;
  std::string token_;
  std::filesystem::path home_;  ///< RUNS/<experiment>
  std::optional<std::filesystem::path> folder_;
};

}  // namespace cohort::launch
