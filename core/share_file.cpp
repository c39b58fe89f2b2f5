#include "core/share_file.h"

#include <cstdlib>
#include <vector>

#include <fmt/format.h>

#include "core/error.h"

// Set by the build: the root of the sources.
#ifndef COHORT_SHARE_SOURCE
#define COHORT_SHARE_SOURCE ""
#endif

namespace cohort::core {

std::filesystem::path share_file(const std::string& name) {
  std::vector<std::filesystem::path> folders;
  if (const char* folder = std::getenv("COHORT_SHARE"); folder != nullptr && *folder != '\0') folders.emplace_back(folder);
  std::error_code ignored;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", ignored);
  if (!program.empty()) folders.push_back(program.parent_path().parent_path() / "share" / "cohort");
  if (*COHORT_SHARE_SOURCE != '\0') folders.emplace_back(COHORT_SHARE_SOURCE);
  std::string tried;
  for (const std::filesystem::path& folder : folders) {
    if (std::filesystem::exists(folder / name, ignored)) return folder / name;
    tried += (tried.empty() ? "" : ", ") + folder.string();
  }
  throw failed_error(fmt::format("the program's file '{}' is in none of: {}", name, tried),
                           "set COHORT_SHARE to the folder <prefix>/share/cohort of the installation");
}

}  // namespace cohort::core
