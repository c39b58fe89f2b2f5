// Signals that ask for a checkpoint and a clean stop: USR1, USR2, TERM. A second one ends the process at once.
#pragma once

#include <cstdint>

#include "core/comm/communicator.h"

namespace cohort::trainer {

/// Installs the handlers and lets through what was held back (launch/program/cohort.cpp); may be called again. Under mpirun TERM kills anyway a second later; USR1 and USR2
/// are forwarded to all ranks. A second signal ends the process with 75 at once; where it `speaks` (one rank should) with a line about
/// what is left.
void catch_stop_signals(bool speaks = false);
/// Whether one has arrived in this process.
bool stop_requested();
/// Collective. Whether one has arrived in any rank.
bool any_stop_requested(core::Communicator& comm);
/// For that last line: a checkpoint after `step` steps is whole on disk. Any thread.
void note_checkpoint(uint64_t step);

}  // namespace cohort::trainer
