// What the system says about processes, memory and the machine.
#pragma once

#include <cstdint>
#include <string>

namespace cohort::core {

/// When a process of this machine was started, in ticks since the boot (proc(5), /proc/<pid>/stat, field 22); 0 where there is none.
uint64_t process_start(int64_t pid);

enum class ProcessState { kGone, kRunning, kStopped };
/// A process of this machine: gone where its id is another's by now, and for one that nobody has fetched yet (a zombie).
ProcessState process_state(int64_t pid, uint64_t start);

/// The standard error of the mpirun that started this process on this machine, to be closed; -1 where another program did, and where it is a file or can't be opened.
int open_launchers_stderr();

std::string host_name();
/// Of the machine's last start; empty where it isn't told.
std::string boot_id();

struct MemoryNow {
  uint64_t bytes = 0, peak = 0;      ///< resident, of this process
  uint64_t free = 0, limit = 0;      ///< what is left until the kernel kills: the machine's, or the control group's where that is less
  uint64_t oom_kills = 0;            ///< processes that the kernel killed in this control group for want of memory
};
/// Reads a few files of /proc and /sys: some tens of microseconds.
MemoryNow memory_now();

}  // namespace cohort::core
