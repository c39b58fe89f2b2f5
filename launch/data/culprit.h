// Who ended a run: from what mpirun and the ranks said, and from the ranks' recorders.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace cohort::launch {

struct Blamed {
  int rank = -1;         ///< −1: no single one
  std::string host;      ///< "" where it isn't known
  std::string sentence;  ///< "rank 2 (on node-3) was ended by signal 9 (Killed)"
  int recorded = 0;      ///< the run's attempt that recorders told of; 0: none
};

/// From messages alone: a rank's own error, else the process that mpirun names. Pure.
Blamed blame_from_messages(const std::string& messages, int status);
/// The same, where the recorders below `run` don't know better. Those of attempts up to `known` are of an earlier death.
Blamed find_blamed(const std::optional<std::filesystem::path>& run, const std::string& messages, int status, int known);

}  // namespace cohort::launch
