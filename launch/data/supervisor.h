// `cohort launch`: starts mpirun, and starts it again after a death, until the run is finished, stopped or doesn't get further.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace cohort::launch {

struct SuperviseRequest {
  int ranks = 1;
  int restarts = 3;             ///< without the run having got further
  int min_ranks = 1;
  double pause = 1;             ///< seconds before the first restart; doubled by each further one without progress, up to a minute
  std::filesystem::path hosts;  ///< mpirun's hostfile; empty for none
  std::vector<std::string> mpirun_options;
  std::vector<std::string> words;  ///< train EXPERIMENT.toml …
};

/// Blocks until the run is over; gives the exit status. Handles USR1, USR2, TERM and INT of this process meanwhile: the first asks the ranks for a checkpoint
/// and a stop, a second ends them at once. One thread, and no MPI in this process. Throws Error (usage) before the first start.
int supervise(const SuperviseRequest& request);

}  // namespace cohort::launch
