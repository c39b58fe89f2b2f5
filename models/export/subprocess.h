// Running another program to its end.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace cohort::models {

/// Runs `arguments` (the program first, by path), its input empty, its output and errors in the file `log`. Blocks
/// until it ends; gives its exit status, or 128 + signal. Safe under MPI: posix_spawn, no fork of this process's
/// memory. Throws Error (failed) when it can't be started, or runs longer than `limit`: then it is killed.
int run_program(const std::vector<std::string>& arguments, const std::filesystem::path& log, std::chrono::seconds limit);

}  // namespace cohort::models
