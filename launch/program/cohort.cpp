// The program as users call it. What needs no net runs here at once; for all else its sibling `cohort-nets` takes this process over, which
// begins with a fifth of a second for libtorch.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>

#include <unistd.h>

#include "core/error.h"
#include "launch/data/command.h"
#include "launch/data/command_line.h"

namespace {

/// A stop that is asked for while libtorch loads waits for trainer/stop_request's handlers: what is held back stays so across exec.
void hold_stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGUSR1, SIGUSR2, SIGTERM}) sigaddset(&set, signal);
  sigprocmask(SIG_BLOCK, &set, nullptr);
}

int become_the_other(char** argv) {
  std::error_code unknown;
  const std::filesystem::path other = std::filesystem::read_symlink("/proc/self/exe", unknown).parent_path() / "cohort-nets";
  execv(other.c_str(), argv);
  const std::string reason = std::strerror(errno);
  std::fprintf(stderr, "%s\n", cohort::core::failed_error(other.string() + " can't be started: " + reason,
                                                          "it belongs beside `cohort`: install or build both").what());
  return static_cast<int>(cohort::core::Exit::kFailed);
}

/// `cohort doctor RUN` reads files; `cohort doctor` alone tells of libtorch too.
bool names_a_run(int argc, char** argv) {
  for (int i = 2; i < argc; ++i) {
    if (std::strcmp(argv[i], "--log-level") == 0) ++i;
    else if (argv[i][0] != '-') return true;
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string first = argc > 1 ? argv[1] : "";
  std::vector<cohort::launch::Command> here = cohort::launch::data_commands();
  if (first == "doctor" && names_a_run(argc, argv)) here.push_back(cohort::launch::run_doctor_command());
  for (const cohort::launch::Command& command : here) {
    if (command.name == first) return cohort::launch::run_command_line(argc, argv, std::move(here));
  }
  if (first == "train") hold_stop_signals();
  return become_the_other(argv);
}
