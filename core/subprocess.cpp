#include "core/subprocess.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <thread>

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "core/error.h"

extern char** environ;

namespace cohort::core {
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
    if (error != 0) throw system_error("cannot prepare a subprocess", error);
  }
  posix_spawn_file_actions_t actions_;
};

int wait_for(pid_t pid, int options) {
  int status = 0;
  for (;;) {
    const pid_t ended = waitpid(pid, &status, options);
    if (ended == pid) return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (ended == 0) return -1;
    if (errno != EINTR) throw system_error("cannot wait for a subprocess", errno);
  }
}

pid_t start_program(const std::vector<std::string>& arguments, const FileActions& actions) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_t pid = 0;
  if (const int error = posix_spawn(&pid, argv[0], actions.get(), nullptr, argv.data(), environ); error != 0)
    throw system_error(fmt::format("cannot start '{}'", arguments.at(0)), error);
  return pid;
}

void close_descriptor(int& descriptor) {
  if (descriptor >= 0) ::close(descriptor);
  descriptor = -1;
}

}  // namespace

int run_program(const std::vector<std::string>& arguments, const std::filesystem::path& log, std::chrono::seconds limit) {
  FileActions actions;
  actions.open(0, "/dev/null", O_RDONLY);
  actions.open(1, log.string(), O_WRONLY | O_CREAT | O_TRUNC);
  actions.copy(1, 2);
  const pid_t pid = start_program(arguments, actions);
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (auto pause = std::chrono::milliseconds(1);; pause = std::min(pause * 2, std::chrono::milliseconds(20))) {
    if (const int status = wait_for(pid, WNOHANG); status >= 0) return status;
    if (std::chrono::steady_clock::now() > deadline) break;
    std::this_thread::sleep_for(pause);
  }
  kill(pid, SIGKILL);
  wait_for(pid, 0);
  throw failed_error(fmt::format("'{}' ran longer than {} seconds and was killed", arguments.at(0), limit.count()),
                           "try again when the machine is less busy");
}

ChildProcess::ChildProcess(const std::vector<std::string>& arguments) {
  // A socket and no pipes: writing to one whose reader is gone gives an error instead of a signal.
  int ends[2] = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw system_error("cannot make a socket for a subprocess", errno);
  socket_ = ends[0];
  try {
    errors_ = memfd_create("errors", MFD_CLOEXEC);
    if (errors_ < 0) throw system_error("cannot keep the messages of a subprocess", errno);
    FileActions actions;
    actions.copy(ends[1], 0);
    actions.copy(ends[1], 1);
    actions.copy(errors_, 2);
    pid_ = start_program(arguments, actions);
  } catch (...) {
    for (int* descriptor : {&ends[1], &socket_, &errors_}) close_descriptor(*descriptor);
    throw;
  }
  close_descriptor(ends[1]);
}

ChildProcess::~ChildProcess() {
  if (status_ < 0) {
    kill(pid_, SIGKILL);
    int ignored = 0;
    while (waitpid(pid_, &ignored, 0) < 0 && errno == EINTR) {
    }
  }
  close_descriptor(socket_);
  close_descriptor(errors_);
}

bool ChildProcess::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool ChildProcess::read(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = recv(socket_, bytes.data(), bytes.size(), MSG_WAITALL);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

int ChildProcess::wait() {
  if (status_ < 0) {
    shutdown(socket_, SHUT_RDWR);
    status_ = wait_for(pid_, 0);
  }
  return status_;
}

std::string ChildProcess::errors(std::size_t most) const {
  struct stat info {};
  if (fstat(errors_, &info) != 0) return {};
  std::string text(std::min(most, static_cast<std::size_t>(info.st_size)), '\0');
  const ssize_t got = pread(errors_, text.data(), text.size(), info.st_size - static_cast<off_t>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace cohort::core
