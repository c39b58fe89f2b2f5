#include "datasets/io/row_spill.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "core/error.h"
#include "core/log.h"

namespace cohort::datasets {

RowSpill::RowSpill(std::string folder) : folder_(std::move(folder)) {
  if (!folder_.empty()) return;
  const char* temporary = std::getenv("TMPDIR");
  folder_ = temporary != nullptr && *temporary != '\0' ? temporary : "/var/tmp";
}

RowSpill::~RowSpill() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

int64_t RowSpill::append(const std::byte* data, std::size_t size) {
  const std::lock_guard lock(mutex_);
  if (failed_) return -1;
  if (descriptor_ < 0 && !open()) return give_up();
  for (std::size_t done = 0; done < size;) {
    const ssize_t wrote = ::pwrite(descriptor_, data + done, size - done, static_cast<off_t>(end_ + static_cast<int64_t>(done)));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return give_up();
    done += static_cast<std::size_t>(wrote);
  }
  const int64_t start = end_;
  end_ += static_cast<int64_t>(size);
  return start;
}

void RowSpill::read(int64_t offset, std::byte* out, std::size_t size) const {
  for (std::size_t done = 0; done < size;) {
    const ssize_t got = ::pread(descriptor_, out + done, size - done, static_cast<off_t>(offset + static_cast<int64_t>(done)));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw core::system_error("reading rows kept in " + folder_, errno);
    if (got == 0) throw core::failed_error("rows kept in " + folder_ + " were cut off", "check that disk, or name another in loader.spill");
    done += static_cast<std::size_t>(got);
  }
}

uint64_t RowSpill::size() const {
  const std::lock_guard lock(mutex_);
  return static_cast<uint64_t>(end_);
}

bool RowSpill::open() {
  std::string name = folder_ + "/cohort-rows-XXXXXX";
  descriptor_ = ::mkostemp(name.data(), O_CLOEXEC);
  return descriptor_ >= 0 && ::unlink(name.c_str()) == 0;
}

int64_t RowSpill::give_up() {
  const int error = errno;
  failed_ = true;
  spdlog::warn("rows beyond loader.memory_mib can't be kept in {} ({}): they will be read anew each time, which is slow; raise "
               "loader.memory_mib or name another folder in loader.spill",
               folder_, std::strerror(error));
  return -1;
}

}  // namespace cohort::datasets
