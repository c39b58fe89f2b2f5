// Files that belong to the program and are no code of it.
#pragma once

#include <filesystem>
#include <string>

namespace cohort::core {

/// The file `name` (a path from the repository root) below $COHORT_SHARE, else in ../share/cohort beside the program's
/// folder (an installed program), else in the source tree it was built from. Throws Error (failed) naming the places
/// when it is in none.
std::filesystem::path share_file(const std::string& name);

}  // namespace cohort::core
