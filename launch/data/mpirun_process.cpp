#include "launch/data/mpirun_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>

#include "core/error.h"

extern char** environ;

namespace cohort::launch {
namespace {

constexpr std::size_t kKeptMessages = 64 << 10;
constexpr std::chrono::seconds kLastMessages{1};

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

/// In the child, which may call nothing but what a signal handler may.
[[noreturn]] void become(char* const* arguments, char* const* variables, int messages, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(127);
  ::dup2(messages, STDERR_FILENO);
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, STDIN_FILENO);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execvpe(arguments[0], arguments, variables);
  constexpr const char* kFailure = "error: mpirun can't be started\n  remedy: install Open MPI, and see that mpirun is in PATH\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kFailure, std::strlen(kFailure));
  ::_exit(127);
}

}  // namespace

MpirunProcess::MpirunProcess(const std::vector<std::string>& words, const std::vector<std::string>& variables) {
  // No thread and no MPI is here yet, so fork is safe; posix_spawn could not bind the child's life to this one's.
  std::vector<std::string> environment = variables;  // of two entries of one name the first counts
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  const std::vector<char*> argv = pointers_to(words), envp = pointers_to(environment);
  int ends[2];
  stop_ = ::eventfd(0, EFD_CLOEXEC);
  if (stop_ < 0 || ::pipe2(ends, O_CLOEXEC) != 0) {
    const int reason = errno;
    if (stop_ >= 0) ::close(stop_);
    throw core::system_error("can't make a pipe for mpirun's messages", reason);
  }
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) become(argv.data(), envp.data(), ends[1], parent);
  const int reason = errno;
  ::close(ends[1]);
  messages_from_ = ends[0];
  if (pid_ < 0) {
    ::close(messages_from_);
    ::close(stop_);
    throw core::system_error("can't start mpirun", reason);
  }
  reader_ = std::thread([this] { pass_messages(); });
}

MpirunProcess::~MpirunProcess() {
  if (!status_) {
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_, &one, sizeof one);
  reader_.join();
  ::close(messages_from_);
  ::close(stop_);
}

void MpirunProcess::pass_messages() {
  std::array<char, 4096> block;
  std::array<pollfd, 2> either{{{.fd = messages_from_, .events = POLLIN, .revents = 0}, {.fd = stop_, .events = POLLIN, .revents = 0}}};
  for (;;) {
    if (::poll(either.data(), either.size(), -1) < 0) continue;  // EINTR
    if (either[1].revents != 0) return;
    const ssize_t got = ::read(messages_from_, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    for (ssize_t done = 0; done < got;) {
      const ssize_t written = ::write(STDERR_FILENO, block.data() + done, static_cast<std::size_t>(got - done));
      if (written <= 0) break;
      done += written;
    }
    const std::lock_guard lock(mutex_);
    tail_.append(block.data(), static_cast<std::size_t>(got));
    if (tail_.size() > 2 * kKeptMessages) tail_.erase(0, tail_.size() - kKeptMessages);
  }
  const std::lock_guard lock(mutex_);
  all_read_ = true;
  through_.notify_all();
}

void MpirunProcess::signal(int number) {
  if (!status_) ::kill(pid_, number);
}

std::optional<int> MpirunProcess::ended() {
  if (status_) return status_;
  int status = 0;
  const pid_t done = ::waitpid(pid_, &status, WNOHANG);
  if (done == 0 || (done < 0 && errno == EINTR)) return std::nullopt;
  if (done < 0) throw core::system_error("can't wait for mpirun", errno);
  killed_ = WIFSIGNALED(status);
  status_ = killed_ ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  std::unique_lock lock(mutex_);
  through_.wait_for(lock, kLastMessages, [this] { return all_read_; });
  return status_;
}

std::string MpirunProcess::messages() const {
  const std::lock_guard lock(mutex_);
  return tail_;
}

}  // namespace cohort::launch
