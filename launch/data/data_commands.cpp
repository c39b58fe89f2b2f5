#include "launch/data/command.h"

namespace cohort::launch {

std::vector<Command> data_commands() {
  return {import_command(), synth_command(), inspect_command(), verify_command(), dataset_command(),
          launch_command(), trace_command()};
}

}  // namespace cohort::launch
