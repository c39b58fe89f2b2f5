// Who still works in a folder: a lock that ends with its process, however that ends.
#pragma once

#include <filesystem>

namespace cohort::core {

/// A shared lock (flock) on a folder. All processes that write into a folder under construction hold one; once none does, whoever comes next
/// may take the folder away. Movable. Local.
class FolderClaim {
 public:
  FolderClaim() = default;
  ~FolderClaim();
  FolderClaim(FolderClaim&& other) noexcept;
  FolderClaim& operator=(FolderClaim&& other) noexcept;

  /// Claims `folder`. False where the folder isn't there any more: somebody took it for abandoned. On file systems without locks it claims
  /// nothing and is true; there nothing is ever taken for abandoned.
  bool claim(const std::filesystem::path& folder);
  void release();

 private:
  int descriptor_ = -1;
};

/// Removes the folders under construction (`.tmp-<name>-<number>-<number>` beside `target`) that no living process claims. What can't be
/// removed stays: never an error.
void remove_abandoned(const std::filesystem::path& target);

}  // namespace cohort::core
