// The checkpoints of a run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace cohort::trainer {

/// What stays when a new checkpoint stands.
struct KeepOptions {
  int64_t newest = 2;
  int64_t best = 0;  ///< besides: those after whose step the watched metric was best, as far as it was measured then
};

/// Folders `step-…` of a run's checkpoints, oldest first. What isn't finished (`.tmp-…`) doesn't count.
std::vector<std::filesystem::path> list_checkpoints(const std::filesystem::path& folder);
std::optional<std::filesystem::path> newest_checkpoint(const std::filesystem::path& folder);
/// A checkpoint's folder, a folder of them, or a run's: the (newest) checkpoint. Throws Error (usage) where there is none.
std::filesystem::path find_checkpoint(const std::filesystem::path& path);

/// Removes what `keep` doesn't name. What can't be removed is a warning.
void prune_checkpoints(const std::filesystem::path& folder, const KeepOptions& keep);
/// Removes what writers that were killed left behind. Nobody may be writing there.
void remove_unfinished(const std::filesystem::path& folder);

}  // namespace cohort::trainer
