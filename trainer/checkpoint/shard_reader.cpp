#include "trainer/checkpoint/shard_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "core/error.h"

namespace cohort::trainer {

ShardReader::ShardReader(std::filesystem::path path, const ShardIndex& index) : path_(std::move(path)) {
  do descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  while (descriptor_ < 0 && errno == EINTR);
  if (descriptor_ < 0) {
    if (errno == ENOENT) throw core::damaged_error(path_.string() + " is missing", damaged_remedy());
    throw core::system_error("can't open " + path_.string(), errno);
  }
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) throw core::system_error("can't read " + path_.string(), errno);
  if (!S_ISREG(status.st_mode) || static_cast<uint64_t>(status.st_size) != index.bytes)
    throw core::damaged_error(fmt::format("{} has {} bytes, not {}", path_.string(), status.st_size, index.bytes), damaged_remedy());
  buffer_.resize(index.header_bytes);
  read_at(0, buffer_);
  if (hash_of(buffer_) != index.header_hash) throw core::damaged_error(path_.string() + ": its header differs from its hash", damaged_remedy());
}

ShardReader::~ShardReader() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void ShardReader::read_at(uint64_t offset, std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t got = ::pread(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw core::system_error("can't read " + path_.string(), errno);
    if (got == 0) throw core::damaged_error(fmt::format("{} ends at byte {}", path_.string(), offset), damaged_remedy());
    bytes = bytes.subspan(static_cast<std::size_t>(got));
    offset += static_cast<uint64_t>(got);
  }
}

void ShardReader::load(const StoredPart& part, std::size_t number) {
  if (loaded_ == &part && number_ == number) return;
  loaded_ = nullptr;
  const uint64_t begin = number * kHashedBytes;
  buffer_.resize(std::min<uint64_t>(kHashedBytes, part.bytes() - begin));
  read_at(part.offset + begin, buffer_);
  if (hash_of(buffer_) != part.hashes[number])
    throw core::damaged_error(fmt::format("{}: tensor '{}' differs from its hash (bytes {} to {} of the file)", path_.string(), part.tensor.name, part.offset + begin,
                                          part.offset + begin + buffer_.size()),
                              damaged_remedy());
  const auto* values = reinterpret_cast<const float*>(buffer_.data());
  const auto count = static_cast<int64_t>(buffer_.size() / sizeof(float));
  for (int64_t i = 0; i < count; ++i)
    if (!std::isfinite(values[i]))
      throw core::damaged_error(fmt::format("{}: tensor '{}' holds a value that is not finite, in row {}", path_.string(), part.tensor.name,
                                            part.where.row + (static_cast<int64_t>(begin / sizeof(float)) + i) / part.where.columns),
                                damaged_remedy());
  loaded_ = &part;
  number_ = number;
}

void ShardReader::copy(const StoredPart& part, uint64_t begin, std::span<std::byte> to) {
  while (!to.empty()) {
    const std::size_t number = begin / kHashedBytes, at = begin % kHashedBytes;
    load(part, number);
    const std::size_t bytes = std::min(to.size(), buffer_.size() - at);
    std::memcpy(to.data(), buffer_.data() + at, bytes);
    to = to.subspan(bytes);
    begin += bytes;
  }
}

void ShardReader::read(const StoredPart& part, const Rectangle& wanted, float* to, int64_t stride) {
  const auto offset_of = [&](int64_t row) { return static_cast<uint64_t>((row - part.where.row) * part.where.columns + wanted.column - part.where.column) * sizeof(float); };
  const auto floats = [](float* data, int64_t count) { return std::as_writable_bytes(std::span(data, static_cast<std::size_t>(count))); };
  if (wanted.columns == part.where.columns && stride == wanted.columns) return copy(part, offset_of(wanted.row), floats(to, wanted.area()));
  for (int64_t i = 0; i < wanted.rows; ++i) copy(part, offset_of(wanted.row + i), floats(to + i * stride, wanted.columns));
}

}  // namespace cohort::trainer
