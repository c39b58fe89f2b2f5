// mpirun as a child: its output passes through, the end of its messages is kept.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <sys/types.h>

namespace cohort::launch {

/// A program in a process group of its own, so that a terminal's Ctrl-C reaches the supervisor alone. It gets TERM when this process is gone, however
/// that came. One thread.
class MpirunProcess {
 public:
  /// `words`: the program, looked up in PATH, and its arguments; `variables`: NAME=value, added to this process's. Throws Error (failed).
  MpirunProcess(const std::vector<std::string>& words, const std::vector<std::string>& variables);
  /// Kills it where it still runs. Doesn't wait for processes it left behind.
  ~MpirunProcess();
  MpirunProcess(const MpirunProcess&) = delete;
  MpirunProcess& operator=(const MpirunProcess&) = delete;

  void signal(int number);
  /// The exit status, or 128 + signal, once it has ended and its messages are through. Doesn't block while it runs; after its end it waits a second at most for
  /// the last messages, whose pipe a process left behind may hold open.
  std::optional<int> ended();
  /// Whether a signal ended the program itself.
  bool killed() const { return killed_; }
  /// The end of what it wrote to stderr.
  std::string messages() const;

 private:
  void pass_messages();

  pid_t pid_ = -1;
  int messages_from_ = -1;
  int stop_ = -1;  ///< an eventfd: the reader is to end
  bool killed_ = false;
  std::optional<int> status_;
  mutable std::mutex mutex_;
  std::condition_variable through_;
  bool all_read_ = false;  ///< no more messages can come
  std::string tail_;
  std::thread reader_;
};

}  // namespace cohort::launch
