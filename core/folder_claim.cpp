#include "core/folder_claim.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cohort::core {
namespace fs = std::filesystem;
namespace {

/// Whether the name still leads to the open folder.
bool is_still_there(int descriptor, const fs::path& folder) {
  struct stat opened {}, named {};
  return ::fstat(descriptor, &opened) == 0 && ::lstat(folder.c_str(), &named) == 0 && opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

bool lock_folder(int descriptor, int operation) {
  int status;
  do status = ::flock(descriptor, operation);
  while (status != 0 && errno == EINTR);
  return status == 0;
}

// `<number>-<number>`
bool are_two_numbers(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return false;
  const auto is_number = [](std::string_view digits) {
    return !digits.empty() && std::all_of(digits.begin(), digits.end(), [](char c) { return '0' <= c && c <= '9'; });
  };
  return is_number(text.substr(0, dash)) && is_number(text.substr(dash + 1));
}

}  // namespace

FolderClaim::~FolderClaim() { release(); }

FolderClaim::FolderClaim(FolderClaim&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FolderClaim& FolderClaim::operator=(FolderClaim&& other) noexcept {
  if (this != &other) {
    release();
    descriptor_ = std::exchange(other.descriptor_, -1);
  }
  return *this;
}

bool FolderClaim::claim(const fs::path& folder) {
  release();
  descriptor_ = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor_ < 0) return errno != ENOENT;
  // Waits where somebody is about to remove the folder, and then finds that it is gone.
  if (lock_folder(descriptor_, LOCK_SH) && !is_still_there(descriptor_, folder)) {
    release();
    return false;
  }
  return true;
}

void FolderClaim::release() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

void remove_abandoned(const fs::path& named) {
  // A trailing slash would leave the target without a name.
  const fs::path target = named.has_filename() ? named : named.parent_path();
  const fs::path parent = target.has_parent_path() ? target.parent_path() : fs::path(".");
  const std::string prefix = ".tmp-" + target.filename().string() + "-";
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator at(parent, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    std::error_code ignored;
    if (name.starts_with(prefix) && are_two_numbers(std::string_view(name).substr(prefix.size())) && fs::is_directory(at->symlink_status(ignored))) {
      found.push_back(at->path());
    }
  }
  for (const fs::path& folder : found) {
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0) continue;
    // Held until the folder is gone, so that nobody claims what is being removed.
    if (lock_folder(descriptor, LOCK_EX | LOCK_NB) && is_still_there(descriptor, folder)) fs::remove_all(folder, error);
    ::close(descriptor);
  }
}

}  // namespace cohort::core
