#include "launch/commands.h"

namespace cohort::launch {

std::vector<Command> all_commands() {
  std::vector<Command> commands = data_commands();
  commands.insert(commands.end(), {train_command(), evaluate_command(), predict_command(), audit_command(), checkpoint_command(), artifact_command(), describe_command(),
                                   doctor_command()});
  return commands;
}

}  // namespace cohort::launch
