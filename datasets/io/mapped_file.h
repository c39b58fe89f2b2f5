// A file mapped for reading: its memory is the system's cache.
#pragma once

#include <cstddef>
#include <filesystem>

namespace cohort::datasets {

/// The file's name may be removed while the mapping lasts.
class MappedFile {
 public:
  /// Throws Error (failed).
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::byte* data() const { return static_cast<const std::byte*>(memory_); }
  std::size_t size() const { return size_; }

 private:
  void* memory_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace cohort::datasets
