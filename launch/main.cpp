#include "launch/main.h"

#include "launch/commands.h"
#include "launch/data/command_line.h"
#include "models/model.h"

namespace cohort {

int main(int argc, char** argv) {
  models::register_builtin_models();
  return launch::run_command_line(argc, argv, launch::all_commands());
}

}  // namespace cohort
