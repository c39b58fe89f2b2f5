#include "core/python.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include <unistd.h>

// Set by the build: the environment that libtorch came from.
#ifndef COHORT_ENVIRONMENT
#define COHORT_ENVIRONMENT ""
#endif

namespace cohort::core {
namespace {

std::string variable_or_empty(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

void add_program(const std::string& path, std::vector<std::string>& programs) {
  if (!path.empty() && access(path.c_str(), X_OK) == 0 && std::find(programs.begin(), programs.end(), path) == programs.end()) programs.push_back(path);
}

std::vector<std::string> private_interpreters() {
  std::vector<std::string> found;
  add_program(variable_or_empty("COHORT_PYTHON"), found);
  for (const std::string& environment : {variable_or_empty("COHORT_TORCH"), std::string(COHORT_ENVIRONMENT)}) {
    if (!environment.empty()) add_program(environment + "/bin/python", found);
  }
  return found;
}

}  // namespace

std::vector<std::string> python_interpreters() {
  std::vector<std::string> found = private_interpreters();
  std::istringstream folders(variable_or_empty("PATH"));
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::size_t before = found.size();
    if (!folder.empty()) add_program(folder + "/python3", found);
    if (found.size() > before) break;
  }
  return found;
}

std::string python_interpreter() {
  const std::vector<std::string> found = private_interpreters();
  return found.empty() ? "" : found.front();
}

}  // namespace cohort::core
