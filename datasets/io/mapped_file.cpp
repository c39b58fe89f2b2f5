#include "datasets/io/mapped_file.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/error.h"

namespace cohort::datasets {

MappedFile::MappedFile(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw core::system_error("reading " + path.string(), errno);
  const off_t end = ::lseek(descriptor, 0, SEEK_END);
  size_ = static_cast<std::size_t>(std::max<off_t>(end, 0));
  if (size_ > 0) memory_ = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, descriptor, 0);
  const int number = errno;
  ::close(descriptor);
  if (memory_ == MAP_FAILED || end < 0) {
    memory_ = nullptr;
    throw core::system_error("reading " + path.string(), number);
  }
}

MappedFile::~MappedFile() {
  if (memory_ != nullptr) ::munmap(memory_, size_);
}

}  // namespace cohort::datasets
