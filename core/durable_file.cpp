#include "core/durable_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/error.h"

namespace cohort::core {
namespace fs = std::filesystem;
namespace {

/// An open file descriptor, closed at the end of its life.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }
  /// Closes now; network file systems report a failed write only here.
  int close() { return ::close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

int open_retrying(const fs::path& path, int flags, mode_t mode = 0) {
  int fd;
  do fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  while (fd < 0 && errno == EINTR);
  return fd;
}

void write_all(int fd, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      throw system_error(fmt::format("cannot write {}", path.string()), errno);
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void sync_descriptor(int fd, const fs::path& path) {
  while (::fsync(fd) != 0) {
    if (errno == EINTR) continue;
    // Pipes, terminals and some network file systems know no fsync.
    if (errno == EINVAL || errno == ENOTSUP) return;
    throw system_error(fmt::format("cannot sync {} to disk", path.string()), errno);
  }
}

fs::path parent_of(const fs::path& path) {
  const fs::path parent = path.parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

/// A name beside `path` that nobody else takes: callers retry with the next one when it exists.
fs::path beside(const fs::path& path) {
  static std::atomic<unsigned> counter{0};
  return parent_of(path) / fmt::format(".tmp-{}-{}-{}", path.filename().string(), ::getpid(), counter++);
}

constexpr int kAttempts = 1000;
constexpr uint64_t kFlushBytes = uint64_t{32} << 20;

/// Creates missing folders, each synced into its parent.
void create_folders(const fs::path& folder) {
  std::vector<fs::path> missing;
  std::error_code ignored;
  for (fs::path p = folder; !p.empty() && !fs::exists(p, ignored); p = p.parent_path()) missing.push_back(p);
  for (auto p = missing.rbegin(); p != missing.rend(); ++p) {
    if (::mkdir(p->c_str(), 0777) != 0 && errno != EEXIST)
      throw system_error(fmt::format("cannot create the folder {}", p->string()), errno);
    sync_path(parent_of(*p));
  }
}

void write_directly(const fs::path& path, std::string_view bytes) {
  Descriptor file(open_retrying(path, O_WRONLY));
  if (!file.ok()) throw system_error(fmt::format("cannot open {} for writing", path.string()), errno);
  write_all(file.get(), bytes, path);
  sync_descriptor(file.get(), path);
  if (file.close() != 0) throw system_error(fmt::format("cannot write {}", path.string()), errno);
}

void write_and_rename(const fs::path& path, std::string_view bytes) {
  fs::path temporary;
  int fd = -1;
  for (int attempt = 0; fd < 0 && attempt < kAttempts; ++attempt) {
    temporary = beside(path);
    fd = open_retrying(temporary, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (fd < 0 && errno != EEXIST) break;
  }
  if (fd < 0) throw system_error(fmt::format("cannot write {}", path.string()), errno);
  Descriptor file(fd);
  // Opened now: who sees the file under its name may rename the folder, as the rank that commits a checkpoint does.
  const Descriptor folder(open_retrying(parent_of(path), O_RDONLY));
  try {
    if (!folder.ok()) throw system_error(fmt::format("cannot open {} to sync it", parent_of(path).string()), errno);
    write_all(file.get(), bytes, path);
    sync_descriptor(file.get(), path);
    if (file.close() != 0) throw system_error(fmt::format("cannot write {}", path.string()), errno);
    if (std::rename(temporary.c_str(), path.c_str()) != 0)
      throw system_error(fmt::format("cannot rename {} to {}", temporary.string(), path.string()), errno);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  sync_descriptor(folder.get(), parent_of(path));
}

/// Renames without ever replacing something at `to`; errno as of rename(2).
bool rename_into_nothing(const fs::path& from, const fs::path& to) {
#ifdef RENAME_NOREPLACE
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno != EINVAL && errno != ENOSYS) return false;
#endif
  // File systems without that flag: rename(2) refuses all but an empty folder.
  return std::rename(from.c_str(), to.c_str()) == 0;
}

void sync_tree(const fs::path& folder) {
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder))
    if (!entry.is_symlink() && (entry.is_regular_file() || entry.is_directory())) sync_path(entry.path());
  sync_path(folder);
}

}  // namespace

void write_file_durably(const fs::path& path, std::string_view bytes) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  if (fs::is_directory(status))
    throw failed_error(fmt::format("cannot write {}: it is a folder", path.string()), "name a file");
  // A device or a pipe (/dev/stdout) is written to; renaming over it would replace it.
  if (fs::exists(status) && !fs::is_regular_file(status)) return write_directly(path, bytes);
  const bool link = fs::is_symlink(fs::symlink_status(path, ignored));
  write_and_rename(link ? fs::weakly_canonical(path) : path, bytes);
}

NewFile::NewFile(fs::path path) : path_(std::move(path)), descriptor_(open_retrying(path_, O_WRONLY | O_CREAT | O_EXCL, 0666)) {
  if (descriptor_ < 0) throw system_error(fmt::format("cannot write {}", path_.string()), errno);
}

NewFile::~NewFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void NewFile::write(std::span<const std::byte> bytes) {
  write_all(descriptor_, {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path_);
  written_ += bytes.size();
  // Now and then what has come together sets out to the disk, so that finish() waits for little.
  if (written_ - flushing_ < kFlushBytes) return;
  ::sync_file_range(descriptor_, static_cast<off_t>(flushing_), static_cast<off_t>(written_ - flushing_), SYNC_FILE_RANGE_WRITE);
  flushing_ = written_;
}

void NewFile::finish() {
  sync_descriptor(descriptor_, path_);
  if (::close(std::exchange(descriptor_, -1)) != 0) throw system_error(fmt::format("cannot write {}", path_.string()), errno);
}

std::string read_file(const fs::path& path) {
  Descriptor file(open_retrying(path, O_RDONLY));
  if (!file.ok()) {
    if (errno == ENOENT || errno == ENOTDIR)
      throw usage_error(fmt::format("there is no file {}", path.string()), "check the path for a typing mistake");
    throw system_error(fmt::format("cannot open {}", path.string()), errno);
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw system_error(fmt::format("cannot read {}", path.string()), errno);
  if (S_ISDIR(status.st_mode)) throw usage_error(fmt::format("{} is a folder, not a file", path.string()), "name a file");
  std::string bytes;
  // One byte more than stated, so that the usual case ends with the read that finds the end.
  std::size_t room = static_cast<std::size_t>(std::max<off_t>(status.st_size, 0)) + 1;
  std::size_t filled = 0;
  for (;;) {
    bytes.resize(filled + room);
    const ssize_t got = ::read(file.get(), bytes.data() + filled, room);
    if (got < 0) {
      if (errno == EINTR) continue;
      throw system_error(fmt::format("cannot read {}", path.string()), errno);
    }
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
    room = std::max<std::size_t>(room - static_cast<std::size_t>(got), 1 << 16);
  }
  bytes.resize(filled);
  return bytes;
}

void begin_sync(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  ::sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
  ::close(fd);
}

void sync_path(const fs::path& path) {
  Descriptor file(open_retrying(path, O_RDONLY));
  if (!file.ok()) throw system_error(fmt::format("cannot open {} to sync it", path.string()), errno);
  sync_descriptor(file.get(), path);
}

StagedFolder::StagedFolder(fs::path target) : target_(std::move(target)) {
  // A trailing slash would leave the target without a name.
  if (!target_.has_filename()) target_ = target_.parent_path();
  std::error_code ignored;
  if (fs::exists(fs::symlink_status(target_, ignored)))
    throw usage_error(fmt::format("{} exists already", target_.string()), "choose another name, or delete it first");
  create_folders(parent_of(target_));
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    staging_ = beside(target_);
    if (::mkdir(staging_.c_str(), 0777) == 0) return;
    if (errno != EEXIST) break;
  }
  throw system_error(fmt::format("cannot create a folder in {}", parent_of(target_).string()), errno);
}

StagedFolder::~StagedFolder() {
  if (done_) return;
  std::error_code ignored;
  fs::remove_all(staging_, ignored);
}

void StagedFolder::commit() {
  try {
    sync_tree(staging_);
  } catch (const fs::filesystem_error& error) {
    throw system_error(fmt::format("cannot sync {} to disk", staging_.string()), error.code().value());
  }
  if (!rename_into_nothing(staging_, target_)) {
    if (errno == EEXIST || errno == ENOTEMPTY)
      throw usage_error(fmt::format("{} exists already", target_.string()), "another process made it meanwhile: choose another name");
    throw system_error(fmt::format("cannot rename {} to {}", staging_.string(), target_.string()), errno);
  }
  done_ = true;
  sync_path(parent_of(target_));
}

void StagedFolder::release() { done_ = true; }

}  // namespace cohort::core
