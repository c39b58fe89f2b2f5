#include "datasets/io/input_file.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"

namespace cohort::datasets {

InputFile::InputFile(std::filesystem::path path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      throw core::usage_error("there is no file " + path_.string(), "check the path");
    }
    throw core::system_error("opening " + path_.string(), errno);
  }
  struct stat status {};
  if (::fstat(descriptor_, &status) == 0 && S_ISDIR(status.st_mode)) {
    ::close(std::exchange(descriptor_, -1));
    throw core::usage_error(path_.string() + " is a folder, not a file", "name the file inside it");
  }
}

InputFile::~InputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

uint64_t InputFile::size() const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) throw core::system_error("reading " + path_.string(), errno);
  return static_cast<uint64_t>(status.st_size);
}

std::optional<uint64_t> InputFile::regular_size() const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) throw core::system_error("reading " + path_.string(), errno);
  if (!S_ISREG(status.st_mode)) return {};
  return static_cast<uint64_t>(status.st_size);
}

void InputFile::read_at(uint64_t offset, std::span<std::byte> out) const {
  while (!out.empty()) {
    const std::size_t got = read_some_at(offset, out);
    if (got == 0) throw core::damaged_error(path_.string() + " ends too early: it was cut off");
    offset += got;
    out = out.subspan(got);
  }
}

std::size_t InputFile::read_some_at(uint64_t offset, std::span<std::byte> out) const {
  for (;;) {
    const ssize_t got = ::pread(descriptor_, out.data(), out.size(), static_cast<off_t>(offset));
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) throw core::system_error("reading " + path_.string(), errno);
  }
}

std::size_t InputFile::read(std::span<std::byte> out) {
  for (;;) {
    const ssize_t got = ::read(descriptor_, out.data(), out.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) throw core::system_error("reading " + path_.string(), errno);
  }
}

}  // namespace cohort::datasets
