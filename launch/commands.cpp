#include "launch/command.h"

namespace cohort::launch {

std::vector<Command> all_commands() {
  return {import_command(),   synth_command(),   inspect_command(), verify_command(),   dataset_command(),  train_command(),
          evaluate_command(), predict_command(), audit_command(),   artifact_command(), describe_command(), doctor_command()};
}

}  // namespace cohort::launch
