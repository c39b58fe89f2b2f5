// mpirun's hostfile: which machines a run may use, without those that no longer answer.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace cohort::launch {

struct HostLine {
  std::string host;  ///< "" for a comment or an empty line
  int slots = 1;
  std::string text;  ///< as it stands in the file
};

/// Throws Error: usage where the file is absent, names no host, or `slots=` is no number, with the place.
std::vector<HostLine> read_host_file(const std::filesystem::path& file);
int slots_of(const std::vector<HostLine>& hosts);

/// Whether a command can be run there within a few seconds, by ssh or what OMPI_MCA_plm_rsh_agent names; this machine always can.
bool answers(const std::string& host);

}  // namespace cohort::launch
