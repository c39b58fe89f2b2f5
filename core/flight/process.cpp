#include "core/flight/process.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <limits>
#include <optional>
#include <string_view>

namespace cohort::core {
namespace {

/// A small file of the system's; empty where it can't be read.
std::string system_text(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  std::string text(8192, '\0');
  const ssize_t size = ::read(file, text.data(), text.size());
  ::close(file);
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return text;
}

/// The first number in a text; `none` where there isn't one ("max").
uint64_t number_in(std::string_view text, uint64_t none) {
  const std::size_t at = text.find_first_not_of(" \t");
  if (at == std::string_view::npos) return none;
  uint64_t value = 0;
  const auto [end, code] = std::from_chars(text.data() + at, text.data() + text.size(), value);
  return code == std::errc() ? value : none;
}

/// The number after `key` at a line's start.
uint64_t value_of(std::string_view text, std::string_view key, uint64_t none) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    if (line.starts_with(key)) return number_in(line.substr(key.size()), none);
    at = end + 1;
  }
  return none;
}

/// The control group's path from /proc/self/cgroup: the line with `controller` (version 1) or the one without any (version 2).
std::string group_path(std::string_view groups, std::string_view controller) {
  for (std::size_t at = 0; at < groups.size();) {
    const std::size_t end = std::min(groups.find('\n', at), groups.size());
    const std::string_view line = groups.substr(at, end - at);
    at = end + 1;
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    if (line.substr(first + 1, second - first - 1) == controller) return std::string(line.substr(second + 1));
  }
  return {};
}

constexpr uint64_t kUnknown = std::numeric_limits<uint64_t>::max();

struct Group {
  uint64_t used = kUnknown, limit = kUnknown, kills = 0;
};

/// Where the two versions of control groups tell what.
struct GroupFiles {
  const char *root, *controller, *used, *limit, *events, *file_pages;
};
constexpr GroupFiles kGroupFiles[] = {
    {"/sys/fs/cgroup/memory", "memory", "/memory.usage_in_bytes", "/memory.limit_in_bytes", "/memory.oom_control", "total_"},
    {"/sys/fs/cgroup", "", "/memory.current", "/memory.max", "/memory.events", ""},
};

/// Nothing where the group isn't told there.
std::optional<Group> memory_group_in(const std::string& folder, const GroupFiles& files) {
  Group group;
  group.used = number_in(system_text(folder + files.used), kUnknown);
  if (group.used == kUnknown) return std::nullopt;
  // What it holds of files the kernel gives back before it kills.
  const std::string stat = system_text(folder + "/memory.stat"), prefix = files.file_pages;
  group.used -= std::min(group.used, value_of(stat, prefix + "inactive_file ", 0) + value_of(stat, prefix + "active_file ", 0));
  group.limit = number_in(system_text(folder + files.limit), kUnknown);
  group.kills = value_of(system_text(folder + files.events), "oom_kill ", 0);
  return group;
}

Group memory_group() {
  const std::string groups = system_text("/proc/self/cgroup");
  for (const GroupFiles& files : kGroupFiles)
    // In a container the path is often the host's: then the mounted root is the container's own group.
    for (const std::string& path : {group_path(groups, files.controller), std::string()})
      if (const auto group = memory_group_in(files.root + path, files)) return *group;
  return {};
}

/// /proc/<pid>/stat from the state on: the name before it may hold anything, parentheses and blanks included.
std::string stat_after_name(int64_t pid) {
  const std::string text = system_text("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t end = text.rfind(')');
  return end == std::string::npos || end + 2 >= text.size() ? std::string() : text.substr(end + 2);
}

uint64_t start_in(std::string_view stat) {
  // The state is field 3, the start 22.
  std::size_t at = 0;
  for (int field = 3; field < 22 && at != std::string_view::npos; ++field) {
    at = stat.find(' ', at);
    if (at != std::string_view::npos) ++at;
  }
  return at == std::string_view::npos ? 0 : number_in(stat.substr(at), 0);
}

}  // namespace

uint64_t process_start(int64_t pid) { return start_in(stat_after_name(pid)); }

ProcessState process_state(int64_t pid, uint64_t start) {
  const std::string stat = stat_after_name(pid);
  // Unreadable may also mean that this process can't open files any more.
  if (stat.empty()) return ::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH ? ProcessState::kGone : ProcessState::kRunning;
  if (start_in(stat) != start) return ProcessState::kGone;
  switch (stat.front()) {
    case 'Z':
    case 'X':
    case 'x': return ProcessState::kGone;
    case 'T':
    case 't': return ProcessState::kStopped;
    default: return ProcessState::kRunning;
  }
}

int open_launchers_stderr() {
  const std::string parent = "/proc/" + std::to_string(::getppid());
  const std::string name = system_text(parent + "/comm");
  if (name != "mpirun\n" && name != "orterun\n" && name != "mpiexec\n") return -1;
  // Not a file: mpirun itself would write over what is added there.
  const std::string path = parent + "/fd/2";
  struct stat kind {};
  if (::stat(path.c_str(), &kind) != 0 || !(S_ISFIFO(kind.st_mode) || S_ISCHR(kind.st_mode))) return -1;
  return ::open(path.c_str(), O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
}

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof(name) - 1) == 0 ? name : "";
}

std::string boot_id() {
  std::string text = system_text("/proc/sys/kernel/random/boot_id");
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

MemoryNow memory_now() {
  MemoryNow now;
  const std::string status = system_text("/proc/self/status"), machine = system_text("/proc/meminfo");
  now.bytes = value_of(status, "VmRSS:", 0) << 10;
  now.peak = value_of(status, "VmHWM:", 0) << 10;
  now.limit = value_of(machine, "MemTotal:", 0) << 10;
  now.free = value_of(machine, "MemAvailable:", 0) << 10;
  const Group group = memory_group();
  now.oom_kills = group.kills;
  if (group.limit < now.limit) {
    now.limit = group.limit;
    now.free = std::min(now.free, group.limit - std::min(group.limit, group.used));
  }
  return now;
}

}  // namespace cohort::core
