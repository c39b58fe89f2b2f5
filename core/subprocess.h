// Running other programs. Safe under MPI: posix_spawn, no fork of this process's memory.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace cohort::core {

/// Runs `arguments` (the program first, by path), its input empty, its output and errors in the file `log`. Blocks
/// until it ends; gives its exit status, or 128 + signal. Throws Error (failed) when it can't be started, or runs longer
/// than `limit`: then it is killed.
int run_program(const std::vector<std::string>& arguments, const std::filesystem::path& log, std::chrono::seconds limit);

/// A program that is talked to: its input and output are this object's, its errors are kept. One thread at a time. Destroyed, it kills the
/// program where it still runs. The program sees the end of its input when this process is gone, however that came.
class ChildProcess {
 public:
  /// Throws Error (failed) when it can't be started.
  explicit ChildProcess(const std::vector<std::string>& arguments);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// Blocks until all is handed over; false when the program doesn't take any more.
  bool write(std::string_view bytes);
  /// Blocks until `bytes` is full; false when the output ended before.
  bool read(std::span<std::byte> bytes);
  /// Blocks until the program ended, closing its input first; gives its exit status, or 128 + signal.
  int wait();
  /// The end of what it wrote to stderr so far, at most `most` bytes.
  std::string errors(std::size_t most = 2000) const;

 private:
  pid_t pid_ = -1;
  int socket_ = -1;
  int errors_ = -1;
  int status_ = -1;
};

}  // namespace cohort::core
