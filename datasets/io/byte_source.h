// Input files as streams of bytes: plain, gzip or zstd, told apart by their first bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace cohort::datasets {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// The next bytes, decompressed, as many as fit; 0 at the end. Throws Error: damaged for a compressed file that is cut off or
  /// broken, failed on a failing device.
  virtual std::size_t read(std::span<char> out) = 0;
  /// Hex SHA-256 and size of the file as it lies on disk; valid once read() gave 0.
  virtual std::string sha256() = 0;
  virtual uint64_t stored_bytes() const = 0;
};

/// Throws Error (usage) when there is no such file.
std::unique_ptr<ByteSource> open_bytes(const std::filesystem::path& path);

/// Reads and decompresses a whole small file.
std::string read_bytes(const std::filesystem::path& path);

}  // namespace cohort::datasets
