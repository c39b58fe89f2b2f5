#include "launch/data/named_run.h"

#include <system_error>

#include "core/error.h"

namespace cohort::launch {

namespace fs = std::filesystem;

fs::path run_folder_named(const std::string& name) {
  std::error_code error;
  if (fs::is_directory(name, error)) return name;
  for (const auto& experiment : fs::directory_iterator("runs", error))
    if (fs::is_directory(experiment.path() / name, error)) return experiment.path() / name;
  throw core::usage_error("there is no run '" + name + "'", "give its folder, RUNS/<experiment>/<run id>, or the id of a run below ./runs");
}

}  // namespace cohort::launch
