// A library for LD_PRELOAD: counts the calls that change files below some paths, and makes one of them the process's last or fail.
//   FILE_FAULTS_PATH=<pattern>  as for fnmatch, over whole paths
//   FILE_FAULTS_RANK=<rank>     of mpirun; without it every process
//   FILE_FAULTS_LOG=<file>      takes a line `<rank> <number> <call> <path>` for each such call
//   FILE_FAULTS_AT=<number>     of the call, from 1
//   FILE_FAULTS_DO=kill         before it is made
//                  kill-after   when it was made
//                  tear         half of it is written, then the process is killed
//                  ENOSPC, EIO  it fails with this error, and so do all after it but those that remove something
#include <dlfcn.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

enum class Way { kNone, kKill, kKillAfter, kTear, kError };

struct Orders {
  std::string pattern, log, rank = "0";
  long at = 0;
  Way way = Way::kNone;
  int error = 0;
};

const char* variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

const Orders& orders() {
  static const Orders read = [] {
    Orders o;
    if (*variable("OMPI_COMM_WORLD_RANK") != '\0') o.rank = variable("OMPI_COMM_WORLD_RANK");
    if (*variable("FILE_FAULTS_RANK") != '\0' && o.rank != variable("FILE_FAULTS_RANK")) return o;
    o.pattern = variable("FILE_FAULTS_PATH");
    o.log = variable("FILE_FAULTS_LOG");
    o.at = std::atol(variable("FILE_FAULTS_AT"));
    const std::string way = variable("FILE_FAULTS_DO");
    if (way == "kill") o.way = Way::kKill;
    if (way == "kill-after") o.way = Way::kKillAfter;
    if (way == "tear") o.way = Way::kTear;
    if (way == "ENOSPC") o.way = Way::kError, o.error = ENOSPC;
    if (way == "EIO") o.way = Way::kError, o.error = EIO;
    return o;
  }();
  return read;
}

template <class F>
F next(const char* name) {
  return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

[[noreturn]] void die() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

std::string path_of(int descriptor) {
  char link[64], path[PATH_MAX];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t size = ::readlink(link, path, sizeof path);
  return size > 0 ? std::string(path, static_cast<std::size_t>(size)) : std::string();
}

std::string path_at(int folder, const char* path) {
  if (path == nullptr) return {};
  if (*path == '/') return path;
  if (folder != AT_FDCWD) return path_of(folder) + "/" + path;
  char here[PATH_MAX];
  return ::getcwd(here, sizeof here) == nullptr ? std::string(path) : std::string(here) + "/" + path;
}

std::atomic<long> g_calls = 0;

/// What is to happen to this call. kKill doesn't return.
Way verdict(const char* call, const std::string& path) {
  const Orders& o = orders();
  if (o.pattern.empty() || ::fnmatch(o.pattern.c_str(), path.c_str(), 0) != 0) return Way::kNone;
  const long number = ++g_calls;
  if (!o.log.empty()) {
    const std::string line = o.rank + " " + std::to_string(number) + " " + call + " " + path + "\n";
    const int log = next<int (*)(const char*, int, ...)>("open")(o.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log >= 0) {
      [[maybe_unused]] const ssize_t written = next<ssize_t (*)(int, const void*, std::size_t)>("write")(log, line.data(), line.size());
      ::close(log);
    }
  }
  const bool removes = std::strcmp(call, "unlink") == 0 || std::strcmp(call, "rmdir") == 0;
  if (o.way == Way::kError) return !removes && o.at > 0 && number >= o.at ? Way::kError : Way::kNone;
  if (number != o.at) return Way::kNone;
  if (o.way == Way::kKill) die();
  return o.way;
}

/// Makes the call, or what is to come in its place. `half` makes half of it, where it has halves.
template <class R, class Make, class Half>
R carry_out(const char* call, const std::string& path, R failed, Make make, Half half) {
  switch (verdict(call, path)) {
    case Way::kError:
      errno = orders().error;
      return failed;
    case Way::kTear:
      half();
      die();
    case Way::kKillAfter:
      make();
      die();
    default:
      return make();
  }
}
template <class R, class Make>
R carry_out(const char* call, const std::string& path, R failed, Make make) {
  return carry_out(call, path, failed, make, [] {});
}

}  // namespace

extern "C" {

ssize_t write(int descriptor, const void* data, std::size_t bytes) {
  static const auto real = next<ssize_t (*)(int, const void*, std::size_t)>("write");
  return carry_out<ssize_t>("write", path_of(descriptor), -1, [&] { return real(descriptor, data, bytes); }, [&] { real(descriptor, data, bytes / 2); });
}

ssize_t pwrite(int descriptor, const void* data, std::size_t bytes, off_t at) {
  static const auto real = next<ssize_t (*)(int, const void*, std::size_t, off_t)>("pwrite");
  return carry_out<ssize_t>("pwrite", path_of(descriptor), -1, [&] { return real(descriptor, data, bytes, at); }, [&] { real(descriptor, data, bytes / 2, at); });
}

ssize_t pwrite64(int descriptor, const void* data, std::size_t bytes, off64_t at) {
  static const auto real = next<ssize_t (*)(int, const void*, std::size_t, off64_t)>("pwrite64");
  return carry_out<ssize_t>("pwrite", path_of(descriptor), -1, [&] { return real(descriptor, data, bytes, at); }, [&] { real(descriptor, data, bytes / 2, at); });
}

ssize_t writev(int descriptor, const iovec* parts, int count) {
  static const auto real = next<ssize_t (*)(int, const iovec*, int)>("writev");
  return carry_out<ssize_t>("writev", path_of(descriptor), -1, [&] { return real(descriptor, parts, count); }, [&] { real(descriptor, parts, count / 2); });
}

std::size_t fwrite(const void* data, std::size_t size, std::size_t count, std::FILE* file) {
  static const auto real = next<std::size_t (*)(const void*, std::size_t, std::size_t, std::FILE*)>("fwrite");
  const auto half = [&] {
    real(data, 1, size * count / 2, file);
    std::fflush(file);
  };
  return carry_out<std::size_t>("fwrite", path_of(::fileno(file)), 0, [&] { return real(data, size, count, file); }, half);
}

int fsync(int descriptor) {
  static const auto real = next<int (*)(int)>("fsync");
  return carry_out("fsync", path_of(descriptor), -1, [&] { return real(descriptor); });
}

int fdatasync(int descriptor) {
  static const auto real = next<int (*)(int)>("fdatasync");
  return carry_out("fdatasync", path_of(descriptor), -1, [&] { return real(descriptor); });
}

int ftruncate(int descriptor, off_t size) noexcept {
  static const auto real = next<int (*)(int, off_t)>("ftruncate");
  return carry_out("ftruncate", path_of(descriptor), -1, [&] { return real(descriptor, size); });
}

int ftruncate64(int descriptor, off64_t size) noexcept {
  static const auto real = next<int (*)(int, off64_t)>("ftruncate64");
  return carry_out("ftruncate", path_of(descriptor), -1, [&] { return real(descriptor, size); });
}

int posix_fallocate(int descriptor, off_t at, off_t size) {
  static const auto real = next<int (*)(int, off_t, off_t)>("posix_fallocate");
  return carry_out("fallocate", path_of(descriptor), orders().error, [&] { return real(descriptor, at, size); });
}

int posix_fallocate64(int descriptor, off64_t at, off64_t size) {
  static const auto real = next<int (*)(int, off64_t, off64_t)>("posix_fallocate64");
  return carry_out("fallocate", path_of(descriptor), orders().error, [&] { return real(descriptor, at, size); });
}

// The new name counts: what is renamed is written under another.
int rename(const char* from, const char* to) noexcept {
  static const auto real = next<int (*)(const char*, const char*)>("rename");
  return carry_out("rename", path_at(AT_FDCWD, to), -1, [&] { return real(from, to); });
}

int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
  static const auto real = next<int (*)(int, const char*, int, const char*)>("renameat");
  return carry_out("rename", path_at(to_folder, to), -1, [&] { return real(from_folder, from, to_folder, to); });
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) noexcept {
  static const auto real = next<int (*)(int, const char*, int, const char*, unsigned)>("renameat2");
  return carry_out("rename", path_at(to_folder, to), -1, [&] { return real(from_folder, from, to_folder, to, flags); });
}

int mkdir(const char* path, mode_t mode) noexcept {
  static const auto real = next<int (*)(const char*, mode_t)>("mkdir");
  return carry_out("mkdir", path_at(AT_FDCWD, path), -1, [&] { return real(path, mode); });
}

int unlink(const char* path) noexcept {
  static const auto real = next<int (*)(const char*)>("unlink");
  return carry_out("unlink", path_at(AT_FDCWD, path), -1, [&] { return real(path); });
}

int unlinkat(int folder, const char* path, int flags) noexcept {
  static const auto real = next<int (*)(int, const char*, int)>("unlinkat");
  return carry_out("unlink", path_at(folder, path), -1, [&] { return real(folder, path, flags); });
}

int remove(const char* path) noexcept {
  static const auto real = next<int (*)(const char*)>("remove");
  return carry_out("unlink", path_at(AT_FDCWD, path), -1, [&] { return real(path); });
}

int rmdir(const char* path) noexcept {
  static const auto real = next<int (*)(const char*)>("rmdir");
  return carry_out("rmdir", path_at(AT_FDCWD, path), -1, [&] { return real(path); });
}

// A file that is created or emptied.
int open(const char* path, int flags, ...) {
  static const auto real = next<int (*)(const char*, int, ...)>("open");
  va_list more;
  va_start(more, flags);
  const auto mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  const auto make = [&] { return real(path, flags, mode); };
  return (flags & (O_CREAT | O_TRUNC)) != 0 ? carry_out("open", path_at(AT_FDCWD, path), -1, make) : make();
}

int open64(const char* path, int flags, ...) {
  static const auto real = next<int (*)(const char*, int, ...)>("open64");
  va_list more;
  va_start(more, flags);
  const auto mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  const auto make = [&] { return real(path, flags, mode); };
  return (flags & (O_CREAT | O_TRUNC)) != 0 ? carry_out("open", path_at(AT_FDCWD, path), -1, make) : make();
}

}  // extern "C"
