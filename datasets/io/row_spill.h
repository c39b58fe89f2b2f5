// Rows on disk for as long as the process lives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

namespace cohort::datasets {

/// An unnamed file that grows; gone with the process, however it ends. Thread-safe.
class RowSpill {
 public:
  /// `folder` "" takes $TMPDIR, else /var/tmp. The file is made at the first append.
  explicit RowSpill(std::string folder);
  ~RowSpill();
  RowSpill(const RowSpill&) = delete;
  RowSpill& operator=(const RowSpill&) = delete;

  /// Where the bytes were put, or −1 when they couldn't be, with a warning the first time.
  int64_t append(const std::byte* data, std::size_t size);
  /// Throws Error (failed).
  void read(int64_t offset, std::byte* out, std::size_t size) const;
  /// Bytes appended.
  uint64_t size() const;

 private:
  bool open();
  int64_t give_up();

  std::string folder_;
  mutable std::mutex mutex_;
  int descriptor_ = -1;
  int64_t end_ = 0;
  bool failed_ = false;
};

}  // namespace cohort::datasets
