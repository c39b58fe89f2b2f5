// Which run a user means.
#pragma once

#include <filesystem>
#include <string>

namespace cohort::launch {

/// A run's folder, or that of an id below `runs`. Throws Error (usage) where there is none.
std::filesystem::path run_folder_named(const std::string& name);

}  // namespace cohort::launch
