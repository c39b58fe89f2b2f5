// The run that a `cohort train` command line makes, as seen from outside: its folder and how far it got.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace cohort::launch {

class LaunchedRun {
 public:
  /// `words`: train EXPERIMENT.toml …; looks at the runs that are there before. Throws Error (usage) where the words are no `train` or the file can't be read.
  explicit LaunchedRun(std::vector<std::string> words);

  /// The words of the next attempt: with --resume=FOLDER once the run has a folder.
  std::vector<std::string> next_words();
  /// Once there is one: made since, or taken up by --resume.
  const std::optional<std::filesystem::path>& folder();
  /// Steps of the newest checkpoint; −1 where there is none.
  int64_t checkpoint();
  /// run.json's state; "" where there is none.
  std::string state();

 private:
  std::set<std::string> runs() const;

  std::vector<std::string> words_;
  std::filesystem::path home_;  ///< RUNS/<experiment>
  bool resumes_ = false;
  std::set<std::string> before_;
  std::filesystem::file_time_type begin_;
  std::optional<std::filesystem::path> folder_;
};

}  // namespace cohort::launch
