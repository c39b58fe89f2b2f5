#include "datasets/io/spill.h"

#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <unistd.h>

#include "core/error.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kBufferedCodes = 1 << 16;

}  // namespace

CodeSpill::CodeSpill(std::filesystem::path path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor_ < 0) throw core::system_error("creating " + path_.string(), errno);
  // The name is not needed any more: without it nothing can be left behind.
  if (::unlink(path_.c_str()) != 0) {
    const int number = errno;
    ::close(descriptor_);
    throw core::system_error("removing " + path_.string(), number);
  }
  buffer_.reserve(kBufferedCodes);
}

CodeSpill::~CodeSpill() { ::close(descriptor_); }

void CodeSpill::write(std::span<const int32_t> codes) {
  buffer_.insert(buffer_.end(), codes.begin(), codes.end());
  if (buffer_.size() >= kBufferedCodes) flush();
}

void CodeSpill::flush() {
  const char* data = reinterpret_cast<const char*>(buffer_.data());
  std::size_t left = buffer_.size() * sizeof(int32_t);
  while (left > 0) {
    const ssize_t written = ::write(descriptor_, data, left);
    if (written < 0) {
      if (errno == EINTR) continue;
      throw core::system_error("writing " + path_.string(), errno);
    }
    data += written;
    left -= static_cast<std::size_t>(written);
  }
  buffer_.clear();
}

void CodeSpill::rewind() {
  flush();
  if (::lseek(descriptor_, 0, SEEK_SET) != 0) throw core::system_error("reading " + path_.string(), errno);
}

void CodeSpill::read(std::span<int32_t> codes) {
  char* data = reinterpret_cast<char*>(codes.data());
  std::size_t left = codes.size_bytes();
  while (left > 0) {
    const ssize_t got = ::read(descriptor_, data, left);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw core::system_error("reading " + path_.string(), errno);
    if (got == 0) throw core::failed_error("reading " + path_.string() + ": fewer codes than were written");
    data += got;
    left -= static_cast<std::size_t>(got);
  }
}

}  // namespace cohort::datasets
