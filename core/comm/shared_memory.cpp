#include "core/comm/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include "core/error.h"

namespace cohort::core {
namespace {

constexpr const char* kSharedFolder = "/dev/shm";
constexpr std::size_t kHugePage = std::size_t{2} << 20;

std::string mebibytes(uint64_t bytes) { return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20)); }

}  // namespace

uint64_t SharedMemory::free_bytes() {
  struct statvfs about {};
  if (statvfs(kSharedFolder, &about) != 0) throw system_error(fmt::format("can't look at {}", kSharedFolder), errno);
  return static_cast<uint64_t>(about.f_bavail) * about.f_frsize;
}

SharedMemory SharedMemory::create(std::size_t bytes, uint64_t node_bytes, uint64_t free_bytes) {
  SharedMemory memory;
  memory.size_ = bytes;
  memory.descriptor_ = ::open(kSharedFolder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (memory.descriptor_ < 0) throw system_error(fmt::format("can't make shared memory in {}", kSharedFolder), errno);
  int code = 0;
  if (bytes > 0) {
    do {
      code = posix_fallocate(memory.descriptor_, 0, static_cast<off_t>(bytes));
    } while (code == EINTR);
  }
  if (code == ENOSPC) {
    throw failed_error(fmt::format("shared memory is too small: this machine's ranks need {}, {} has {} free", mebibytes(node_bytes), kSharedFolder,
                                   mebibytes(free_bytes)),
                       fmt::format("give the container more (docker run --shm-size={}m; an emptyDir volume of medium Memory in Kubernetes), or start fewer "
                                   "ranks a machine; what other programs left in {} counts too",
                                   node_bytes / (1 << 20) + 64, kSharedFolder));
  }
  if (code != 0) throw system_error(fmt::format("can't reserve {} of shared memory", mebibytes(bytes)), code);
  memory.map();
  return memory;
}

SharedMemory SharedMemory::open(const Handle& handle) {
  SharedMemory memory;
  memory.size_ = handle.bytes;
  const std::string path = fmt::format("/proc/{}/fd/{}", handle.pid, handle.descriptor);
  memory.descriptor_ = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (memory.descriptor_ < 0) {
    Error error = system_error(fmt::format("can't map another rank's memory ({})", path), errno);
    throw failed_error(error.message(),
                       "start the ranks of a machine in one container and as one user, or set COHORT_RANKS_PER_NODE=1: they will send messages");
  }
  memory.map();
  memory.close_descriptor();
  return memory;
}

void SharedMemory::map() {
  if (size_ == 0) return;
  // Page tables are filled now, not at the first touch in the middle of a step.
  void* data = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, descriptor_, 0);
  if (data == MAP_FAILED) throw system_error(fmt::format("can't map {} of shared memory", mebibytes(size_)), errno);
  data_ = static_cast<std::byte*>(data);
  // Advice: it helps where the machine allows huge pages in shared memory, and is ignored elsewhere.
  if (size_ >= kHugePage) madvise(data_, size_, MADV_HUGEPAGE);
}

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)), descriptor_(std::exchange(other.descriptor_, -1)) {}

SharedMemory& SharedMemory::operator=(SharedMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

SharedMemory::~SharedMemory() {
  if (data_ != nullptr) munmap(data_, size_);
  close_descriptor();
}

SharedMemory::Handle SharedMemory::handle() const { return {.pid = getpid(), .descriptor = descriptor_, .bytes = size_}; }

void SharedMemory::close_descriptor() {
  if (descriptor_ >= 0) close(descriptor_);
  descriptor_ = -1;
}

}  // namespace cohort::core
