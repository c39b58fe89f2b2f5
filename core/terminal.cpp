#include "core/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

namespace cohort::core {
namespace {

// A descriptor of the launcher's stderr where that is a terminal, else -1. The launcher is the parent: a rank on another machine has a
// daemon there, whose stderr is none.
int open_launchers_terminal() {
  if (std::getenv("OMPI_COMM_WORLD_RANK") == nullptr && std::getenv("PMI_RANK") == nullptr) return -1;
  const std::string path = "/proc/" + std::to_string(::getppid()) + "/fd/2";
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor >= 0 && ::isatty(descriptor) == 1) return descriptor;
  if (descriptor >= 0) ::close(descriptor);
  return -1;
}

bool takes_escapes() {
  const char* term = std::getenv("TERM");
  return term != nullptr && *term != '\0' && std::strcmp(term, "dumb") != 0;
}

// Opened once and kept; never written to: what goes to stderr comes in the launcher's order.
int terminal() {
  static const int descriptor = ::isatty(STDERR_FILENO) == 1 ? STDERR_FILENO : open_launchers_terminal();
  return descriptor;
}

}  // namespace

bool shows_on_terminal() { return takes_escapes() && terminal() >= 0; }

std::size_t terminal_width() {
  winsize size{};
  if (terminal() < 0 || ::ioctl(terminal(), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace cohort::core
