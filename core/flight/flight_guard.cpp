#include "core/flight/flight_guard.h"

#include <span>

#include "core/flight/clock_offset.h"
#include "core/flight/flight_file.h"
#include "core/flight/recorder.h"

namespace cohort::core {

FlightGuard::FlightGuard(Communicator& comm, double timeout_seconds)
    : comm_(comm), timeout_seconds_(timeout_seconds), watchdog_(comm.recorder(), {.rank = comm.rank(), .timeout_seconds = timeout_seconds, .say = {}, .end = {}}) {}

void FlightGuard::watch(const std::filesystem::path& run, int attempt) {
  int64_t shared = attempt;
  comm_.broadcast(std::as_writable_bytes(std::span(&shared, 1)), 0);
  const int several = comm_.nodes().nodes;
  const int64_t clock_offset = clock_offset_ns(comm_);
  together(comm_, [&] {
    comm_.recorder().keep_in(flight_path(run, comm_.rank()), {.rank = comm_.rank(),
                                                                    .world = comm_.size(),
                                                                    .node = comm_.nodes().node,
                                                                    .attempt = static_cast<int>(shared),
                                                                    .timeout_seconds = timeout_seconds_,
                                                                    .clock_offset_ns = clock_offset});
  });
  together(comm_, [&] { watchdog_.watch(run, comm_.size(), static_cast<int>(shared), several > 1); });
}

}  // namespace cohort::core
