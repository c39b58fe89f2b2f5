// Reads a one-dimensional array of numbers of any HDF5 file, whoever wrote it, without HDF5's lock while reading.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "datasets/store/hdf5_structure.h"

namespace cohort::datasets {

/// The structure is taken once through the library; values are then read by pread and decoded on the caller's thread. What this reader
/// doesn't know (szip, nbit, scale-offset and foreign filters, external storage, virtual datasets, unusual types) is read by the library under its
/// lock, and needs_library() says so. Opening and the library are for files that aren't hostile; decoding stands any bytes: a file that changes
/// after it was opened gives other values or an error, never a crash. Files of a dataset have ArrayReader, which checks sums and needs no library. See docs/notes/hdf5-reader.md.
///
/// Reading is thread-safe and keeps nothing: reads of whole chunks decode straight into the caller's memory, others decode each touched chunk.
class Hdf5ArrayReader {
 public:
  /// Throws what read_structures() does; damaged when a chunk lies beyond the file's end.
  Hdf5ArrayReader(const std::filesystem::path& file, const std::string& array);
  Hdf5ArrayReader(const std::filesystem::path& file, Hdf5Structure structure);
  ~Hdf5ArrayReader();
  Hdf5ArrayReader(Hdf5ArrayReader&&) noexcept;

  uint64_t elements() const { return structure().elements; }
  NumberType type() const { return structure().type; }
  /// Elements that are best read together, from multiples of it; all where the array isn't chunked.
  uint64_t chunk() const { return structure().chunk; }
  /// Why the library reads this array; "" where it doesn't.
  const std::string& needs_library() const { return structure().reason; }
  const Hdf5Structure& structure() const;

  /// Elements from `first` on, as many as fill `out`, in the machine's byte order. Throws Error: damaged, naming array and chunk, when a chunk
  /// doesn't decode; failed when reading or the library fails, or beyond the end.
  void read(uint64_t first, std::span<std::byte> out) const;
  /// T must be the array's type exactly, else Error (usage).
  template <class T>
  void read(uint64_t first, std::span<T> out) const {
    demand(NumberType::of<T>());
    read(first, std::as_writable_bytes(out));
  }

 private:
  void demand(NumberType type) const;

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cohort::datasets
