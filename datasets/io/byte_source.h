// Input files as streams of bytes: plain, gzip or zstd, told apart by their first bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace cohort::datasets {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// The next bytes, decompressed, as many as fit or fewer; 0 at the end. Throws Error: damaged for a compressed file that is cut
  /// off or broken, failed on a failing device.
  virtual std::size_t read(std::span<char> out) = 0;
  /// Hex SHA-256 and size of the file as it lies on disk; valid once read() gave 0.
  virtual std::string sha256() = 0;
  virtual uint64_t stored_bytes() const = 0;
};

/// Throws Error (usage) when there is no such file.
std::unique_ptr<ByteSource> open_bytes(const std::filesystem::path& path);

/// The same bytes, for who reads the whole file: a thread of its own reads, hashes and decompresses up to 4 MiB ahead, and a small
/// gzip file (64 MiB inflated) is inflated in memory at once, which is twice as fast. What goes wrong is thrown by the read() that
/// would have given the bytes.
std::unique_ptr<ByteSource> open_bytes_ahead(const std::filesystem::path& path);

/// The size of a file that can be read from any byte on: plain and regular. Nothing for compressed files and pipes. Throws as
/// open_bytes.
std::optional<uint64_t> plain_size(const std::filesystem::path& path);

/// A plain file from a byte on, ahead as well; its bytes are neither hashed nor looked at.
std::unique_ptr<ByteSource> open_plain_at(const std::filesystem::path& path, uint64_t offset);

/// Reads and decompresses a whole small file.
std::string read_bytes(const std::filesystem::path& path);

}  // namespace cohort::datasets
