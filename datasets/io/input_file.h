// A file opened for reading at any position.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <utility>

namespace cohort::datasets {

/// Owns a descriptor. Reading is thread-safe.
class InputFile {
 public:
  /// Throws Error: usage when the file is absent or a folder, failed without rights.
  explicit InputFile(std::filesystem::path path);
  InputFile(InputFile&& other) noexcept : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}
  InputFile& operator=(InputFile&&) = delete;
  ~InputFile();

  const std::filesystem::path& path() const { return path_; }
  uint64_t size() const;
  /// Nothing for a pipe or a device.
  std::optional<uint64_t> regular_size() const;
  /// Exactly these bytes; throws Error (damaged) when the file ends before, Error (failed) on a failing device.
  void read_at(uint64_t offset, std::span<std::byte> out) const;
  /// Bytes from `offset` on, as many as there are (0 at the end).
  std::size_t read_some_at(uint64_t offset, std::span<std::byte> out) const;
  /// The next bytes, as many as there are (0 at the end).
  std::size_t read(std::span<std::byte> out);

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace cohort::datasets
