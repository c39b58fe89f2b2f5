// A command of the `cohort` program: one file each under launch/data/ and launch/commands/.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/comm/communicator.h"

namespace CLI {
class App;
}

namespace cohort::launch {

/// What works on every command.
struct Globals {
  bool json = false;
  bool quiet = false;
  std::string log_level = "info";
};

struct Context {
  core::Communicator& comm;
  const Globals& globals;
};

/// `configure` declares arguments on `app`, which outlives the command, and returns what runs the command: it gives the exit status or
/// throws core::Error. Results go to stdout from rank 0 alone: a text for people, or with --json one JSON document.
struct Command {
  std::string name;
  std::string summary;
  std::string examples;  ///< shown below --help
  std::function<std::function<int(Context&)>(CLI::App& app)> configure;
};

// One function a file of launch/data/, listed in data_commands.cpp.
Command import_command();
Command synth_command();
Command inspect_command();
Command verify_command();
Command dataset_command();
/// `cohort doctor RUN`; without RUN the command is launch/commands/doctor.cpp's.
Command run_doctor_command();
/// What it does. `run`: a folder, or the id of a run below ./runs.
int examine_run(Context& context, const std::string& run);
Command launch_command();
Command trace_command();

/// Those that need no net, and so no libtorch, whose start costs more than many of them take.
std::vector<Command> data_commands();

}  // namespace cohort::launch
