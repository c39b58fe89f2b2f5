// How the ranks' clocks differ.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "core/comm/communicator.h"
#include "core/flight/process.h"
#include "core/flight/recorder.h"

namespace cohort::core {

/// What is to be added to this rank's clock to get rank 0's, in ns. Collective; a clock is only asked in one thread.
///
/// Ranks of one boot share the monotonic clock: exactly 0 beside rank 0, and one number for all of another machine, whose lowest rank asks rank 0 sixteen times. Of these the one
/// with the shortest way counts, and half of that way is the most that the result can be wrong by (F. Cristian, "Probabilistic clock synchronization", 1989).
/// `clock` and `boot` are this rank's; an empty one is like no other's.
int64_t clock_offset_ns(Communicator& comm, const std::function<int64_t()>& clock = flight_now_ns, const std::string& boot = boot_id());

}  // namespace cohort::core
