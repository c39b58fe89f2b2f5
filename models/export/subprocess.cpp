#include "models/export/subprocess.h"

#include <cerrno>
#include <csignal>
#include <thread>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <fmt/format.h>

#include "core/error.h"

extern char** environ;

namespace cohort::models {
namespace {

class FileActions {
 public:
  FileActions() { check(posix_spawn_file_actions_init(&actions_)); }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;

  void open(int descriptor, const std::string& path, int flags) {
    check(posix_spawn_file_actions_addopen(&actions_, descriptor, path.c_str(), flags, 0600));
  }
  void copy(int from, int to) { check(posix_spawn_file_actions_adddup2(&actions_, from, to)); }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  static void check(int error) {
    if (error != 0) throw core::system_error("cannot prepare a subprocess", error);
  }
  posix_spawn_file_actions_t actions_;
};

int wait_for(pid_t pid, int options) {
  int status = 0;
  for (;;) {
    const pid_t ended = waitpid(pid, &status, options);
    if (ended == pid) return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (ended == 0) return -1;
    if (errno != EINTR) throw core::system_error("cannot wait for a subprocess", errno);
  }
}

}  // namespace

int run_program(const std::vector<std::string>& arguments, const std::filesystem::path& log, std::chrono::seconds limit) {
  FileActions actions;
  actions.open(0, "/dev/null", O_RDONLY);
  actions.open(1, log.string(), O_WRONLY | O_CREAT | O_TRUNC);
  actions.copy(1, 2);
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_t pid = 0;
  if (const int error = posix_spawn(&pid, argv[0], actions.get(), nullptr, argv.data(), environ); error != 0)
    throw core::system_error(fmt::format("cannot start '{}'", arguments.at(0)), error);
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (auto pause = std::chrono::milliseconds(1);; pause = std::min(pause * 2, std::chrono::milliseconds(20))) {
    if (const int status = wait_for(pid, WNOHANG); status >= 0) return status;
    if (std::chrono::steady_clock::now() > deadline) break;
    std::this_thread::sleep_for(pause);
  }
  kill(pid, SIGKILL);
  wait_for(pid, 0);
  throw core::failed_error(fmt::format("'{}' ran longer than {} seconds and was killed", arguments.at(0), limit.count()),
                           "try again when the machine is less busy");
}

}  // namespace cohort::models
