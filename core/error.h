// Errors that carry what a user needs: the place, what happened, and what to do about it.
#pragma once

#include <exception>
#include <string>
#include <vector>

namespace cohort::core {

/// Exit status of the program; every Error carries one.
enum class Exit : int {
  kDone = 0,
  kFailed = 1,    ///< anything else: disk full, a hang, a dead rank
  kUsage = 2,     ///< the user's input is wrong: config, lanes, a dataset that changed, a run in use
  kDamaged = 3,   ///< data, checkpoint or artifact is damaged
  kStopped = 75,  ///< stopped by a signal after a checkpoint; run the same command again with --resume
};

/// A position in a file the user can open. Line and column count from 1; 0 means unknown.
struct Place {
  std::string file;
  int line = 0;
  int column = 0;

  bool empty() const { return file.empty(); }
  /// `path:line:column`, as far as known.
  std::string str() const;
};

/// The one exception type of the project. A value: copyable, and serialisable to other ranks.
class Error : public std::exception {
 public:
  Error(Exit exit, std::string message, std::string remedy = {});

  /// Adds the place; the innermost one (set first) wins.
  Error& at(Place place);
  /// Adds one line of outer context ("while importing a.csv"); contexts print from the inside out.
  Error& within(std::string context);
  /// Marks the error as known to all ranks, so that rank 0 alone prints it and nobody is aborted.
  Error& known_everywhere();
  /// Marks the error as rank `rank`'s own.
  Error& on_rank(int rank);
  /// Says that `text` is the complete, already formatted report (a list of located mistakes).
  static Error report(Exit exit, std::string text);

  Exit exit() const { return exit_; }
  const std::string& message() const { return message_; }
  const std::string& remedy() const { return remedy_; }
  const Place& place() const { return place_; }
  int rank() const { return rank_; }
  bool everywhere() const { return everywhere_; }

  /// `[rank k: ]place: error: message` then `  context` lines, then `  remedy: …`.
  const char* what() const noexcept override { return text_.c_str(); }

  /// For sending to other ranks.
  std::string serialize() const;
  static Error deserialize(const std::string& bytes);

 private:
  void format();

  Exit exit_;
  std::string message_;
  std::string remedy_;
  Place place_;
  std::vector<std::string> contexts_;
  int rank_ = -1;
  bool everywhere_ = false;
  bool preformatted_ = false;
  std::string text_;
};

Error usage_error(std::string message, std::string remedy = {});
Error damaged_error(std::string message, std::string remedy = {});
Error failed_error(std::string message, std::string remedy = {});

/// The error of a failed system call: `message: strerror(errno)`; remedies for a full disk, missing rights,
/// a read-only file system and the like are filled in.
Error system_error(std::string message, int errno_value);

}  // namespace cohort::core
