// Signals that ask for a checkpoint and a clean stop: USR1, USR2, TERM. A second one ends the process at once.
#pragma once

namespace cohort::trainer {

/// Installs the handlers. Under mpirun TERM kills anyway a second later; USR1 and USR2 are forwarded to all ranks.
void catch_stop_signals();
/// Whether one has arrived in this process.
bool stop_requested();

}  // namespace cohort::trainer
