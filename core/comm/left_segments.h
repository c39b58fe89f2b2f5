// What killed runs left in shared memory.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

namespace cohort::core {

/// Local. Cohort's own segments have no names and vanish with their processes, but Open MPI leaves its files (vader_segment.<machine>.…) when
/// a run is killed, and some hundred of them fill /dev/shm. Removes those of this user and machine in `folder` that no process of this user
/// has open or mapped, and that are older than `age`, for the sake of processes that can't be seen from here. Returns how many. Never fails:
/// what can't be looked at stays.
int remove_left_segments(const std::filesystem::path& folder = "/dev/shm", std::chrono::seconds age = std::chrono::minutes(10));

}  // namespace cohort::core
