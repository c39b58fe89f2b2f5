#include "core/comm/left_segments.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <set>
#include <system_error>
#include <vector>

namespace cohort::core {
namespace {

namespace fs = std::filesystem;

bool is_process_number(const std::string& text) { return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }); }

/// Files of Open MPI's shared-memory transport that this user left long ago, or uses.
std::set<std::string> candidates(const fs::path& folder, std::chrono::seconds age) {
  std::array<char, 256> machine{};
  if (gethostname(machine.data(), machine.size() - 1) != 0) return {};
  const std::string prefix = std::string("vader_segment.") + machine.data() + ".";
  std::set<std::string> found;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    struct stat about {};
    if (!entry.path().filename().string().starts_with(prefix) || lstat(entry.path().c_str(), &about) != 0) continue;
    const auto since = std::chrono::system_clock::now() - std::chrono::system_clock::from_time_t(about.st_mtime);
    if (S_ISREG(about.st_mode) && about.st_uid == geteuid() && since > age) found.insert(entry.path().string());
  }
  return found;
}

/// Open files first, mappings after: who makes a segment opens, maps and closes it, so that it is seen in one of the two at any time.
void drop_open_files(const fs::path& process, std::set<std::string>& files) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(process / "fd", ignored)) files.erase(fs::read_symlink(entry.path(), ignored).string());
}

void drop_mapped_files(const fs::path& process, std::set<std::string>& files) {
  std::ifstream maps(process / "maps");
  for (std::string line; std::getline(maps, line);) {
    const std::size_t path = line.find('/');
    if (path != std::string::npos) files.erase(line.substr(path));
  }
}

}  // namespace

int remove_left_segments(const fs::path& folder, std::chrono::seconds age) {
  std::set<std::string> files = candidates(folder, age);
  if (files.empty()) return 0;
  std::vector<fs::path> processes;
  std::error_code code;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc", code)) {
    if (is_process_number(entry.path().filename().string())) processes.push_back(entry.path());
  }
  if (code) return 0;
  for (const fs::path& process : processes) drop_open_files(process, files);
  for (const fs::path& process : processes) drop_mapped_files(process, files);
  int removed = 0;
  for (const std::string& file : files) removed += unlink(file.c_str()) == 0 ? 1 : 0;
  return removed;
}

}  // namespace cohort::core
