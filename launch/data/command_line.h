// From the words of a command line to an exit status.
#pragma once

#include <vector>

#include "launch/data/command.h"

namespace cohort::launch {

/// Starts MPI where mpirun or srun asks for it, runs the command that is named, and turns an error into one message.
int run_command_line(int argc, char** argv, std::vector<Command> commands);

}  // namespace cohort::launch
