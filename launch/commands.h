// All commands of the program.
#pragma once

#include <vector>

#include "launch/data/command.h"

namespace cohort::launch {

// One function a file of launch/commands/, listed in commands.cpp.
Command train_command();
Command evaluate_command();
Command predict_command();
Command artifact_command();
Command audit_command();
Command checkpoint_command();
Command describe_command();
Command doctor_command();

/// Those of launch/data/ first.
std::vector<Command> all_commands();

}  // namespace cohort::launch
