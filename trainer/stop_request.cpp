#include "trainer/stop_request.h"

#include <unistd.h>

#include <atomic>
#include <csignal>

#include "core/error.h"

namespace cohort::trainer {
namespace {

// All that a handler may touch.
std::atomic<int> g_requests = 0;
std::atomic<bool> g_speaks = false;
std::atomic<int64_t> g_checkpoint = -1;
static_assert(std::atomic<int64_t>::is_always_lock_free);

/// A line on stderr with nothing but write(), which a handler may call.
class LastWords {
 public:
  void add(const char* text) {
    while (*text != '\0' && used_ < sizeof(text_)) text_[used_++] = *text++;
  }
  void add(int64_t number) {
    char digits[21];
    char* first = digits + sizeof(digits) - 1;
    *first = '\0';
    do *--first = static_cast<char>('0' + number % 10);
    while ((number /= 10) > 0);
    add(first);
  }
  void say() const { [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text_, used_); }

 private:
  char text_[256];
  std::size_t used_ = 0;
};

void on_signal(int) {
  if (g_requests.fetch_add(1) == 0) return;
  if (g_speaks) {
    LastWords words;
    words.add("ended at once by a second signal; ");
    const int64_t step = g_checkpoint;
    if (step >= 0) {
      words.add("the last checkpoint is of step ");
      words.add(step);
      words.add(": run the same command again with --resume\n");
    } else {
      words.add("this attempt wrote no checkpoint: with --resume the same command goes on from an earlier attempt's, or begins anew\n");
    }
    words.say();
  }
  _exit(static_cast<int>(core::Exit::kStopped));
}

}  // namespace

void catch_stop_signals(bool speaks) {
  g_speaks = speaks;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGUSR1, SIGUSR2, SIGTERM}) {
    sigaction(signal, &action, nullptr);
    sigaddset(&set, signal);
  }
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

bool stop_requested() { return g_requests > 0; }

bool any_stop_requested(core::Communicator& comm) {
  int64_t requested = stop_requested() ? 1 : 0;
  comm.maximum({&requested, 1});
  return requested > 0;
}

void note_checkpoint(uint64_t step) { g_checkpoint = static_cast<int64_t>(step); }

}  // namespace cohort::trainer
