// How HDF5 stores one array of a file: all that reading it without the library needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "datasets/store/chunk_codec.h"

namespace cohort::datasets {

/// A number as it lies in memory, in the machine's byte order.
struct NumberType {
  enum class Family : uint8_t { kSigned, kUnsigned, kFloat };
  Family family = Family::kFloat;
  uint8_t bytes = 4;

  bool operator==(const NumberType&) const = default;
  std::string str() const;  ///< "float32", "uint8", …
  template <class T>
  static constexpr NumberType of() {
    static_assert(std::is_arithmetic_v<T>);
    return {std::is_floating_point_v<T> ? Family::kFloat : std::is_signed_v<T> ? Family::kSigned : Family::kUnsigned, sizeof(T)};
  }
};

/// A one-dimensional dataset.
struct Hdf5Structure {
  enum class Layout : uint8_t {
    kCompact,     ///< `values` holds it
    kContiguous,  ///< one piece, `chunks[0]`
    kChunked,     ///< `chunks` says where each lies
    kAskChunks,   ///< chunked, in so many that finding each would take long: the library is asked for a chunk's stored bytes
    kLibrary,     ///< only the library can read it; `reason` says why
  };
  struct Chunk {
    uint64_t offset = 0;  ///< in the file, bytes
    uint64_t bytes = 0;   ///< 0: never written, all its elements have the fill value
    uint32_t skipped = 0;  ///< filter mask: step i was left out where bit i is set
  };

  std::string name;
  uint64_t elements = 0;
  NumberType type;
  bool swapped = false;  ///< stored in the other byte order
  Layout layout = Layout::kLibrary;
  std::string reason;
  uint64_t chunk = 0;  ///< elements of a chunk; all of them where the layout has none
  std::vector<FilterStep> steps;    ///< in the order in which they were applied
  std::size_t shuffled_bytes = 1;   ///< the element size that the shuffle filter was told
  bool plain_edge = false;          ///< a last chunk that is cut off by the end of the array is stored without filters
  std::vector<Chunk> chunks;
  std::vector<std::byte> fill;    ///< one element, in memory's form
  std::vector<std::byte> values;  ///< of a compact array, in memory's form

  uint64_t chunk_count() const { return chunk == 0 ? 0 : (elements + chunk - 1) / chunk; }
  /// The filters left out of chunk `number`, whose own mask is given.
  uint32_t skipped_in(uint64_t number, uint32_t mask) const;
};

/// Takes the structure of these arrays through the library: blocks for HDF5's lock. Thread-safe. For files that aren't hostile: HDF5 isn't
/// made for those. Throws Error: usage when the file or an array is absent or no one-dimensional array of numbers; failed when HDF5 fails.
std::vector<Hdf5Structure> read_structures(const std::filesystem::path& path, std::span<const std::string> names);

}  // namespace cohort::datasets
