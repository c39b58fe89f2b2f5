#include "trainer/stop_request.h"

#include <unistd.h>

#include <csignal>

#include "core/error.h"

namespace cohort::trainer {
namespace {

// The one thing a handler may touch.
volatile std::sig_atomic_t g_requests = 0;

void on_signal(int) {
  g_requests = g_requests + 1;
  if (g_requests > 1) _exit(static_cast<int>(core::Exit::kStopped));
}

}  // namespace

void catch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGUSR1, SIGUSR2, SIGTERM}) sigaction(signal, &action, nullptr);
}

bool stop_requested() { return g_requests > 0; }

}  // namespace cohort::trainer
