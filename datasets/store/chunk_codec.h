// Encodes and decodes chunks exactly as HDF5's filters do, without HDF5 and its global lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cohort::datasets {

/// none · shuffle + deflate (zlib format) · shuffle + zstd (HDF5 filter 32015, level 3).
enum class Filter : uint8_t { kNone, kDeflate, kZstd };

/// How an array's chunks are encoded. Numbers of few different values come out smaller without the shuffle, and are read and written faster: the shuffle is
/// an array's first filter all the same, and skipped by the filter mask of its chunks.
struct ChunkCoding {
  ChunkCoding(Filter chunk_filter, bool with_shuffle = true) : filter(chunk_filter), shuffled(with_shuffle) {}
  Filter filter;
  bool shuffled;
};

/// The filter mask of chunks that aren't shuffled.
inline constexpr uint32_t kShuffleSkipped = 1;

std::string to_string(Filter filter);
Filter filter_from_string(const std::string& text);  ///< throws Error (usage)

/// One of HDF5's filters.
enum class FilterStep : uint8_t { kShuffle, kDeflate, kFletcher32, kZstd };

/// What is done to chunks of such elements, in the order in which it is done: elements of one byte aren't shuffled.
std::span<const FilterStep> steps_of(ChunkCoding coding, std::size_t element_size);

/// The level of deflate that is fastest, both ways, for elements that are integers or not: shuffled integers are long runs, for which libdeflate's
/// second level is both faster and smaller than its first.
int deflate_level(bool integers);

/// `raw` is a whole chunk. `level` is deflate's, 1 or 2. Thread-safe.
std::vector<std::byte> encode_chunk(ChunkCoding coding, std::size_t element_size, std::span<const std::byte> raw, int level = 1);

/// Undoes `steps`, at most 32 of them, listed in the order in which they were applied; step i was left out where bit i of `skipped` is
/// set (HDF5's filter mask of a chunk). Fills `raw` exactly; gives false when the bytes don't decode to that size, a checksum doesn't fit, or two
/// steps compress. `stored` and `raw` don't overlap. Thread-safe; safe on hostile bytes.
bool decode_chunk(std::span<const FilterStep> steps, uint32_t skipped, std::size_t element_size, std::span<const std::byte> stored,
                  std::span<std::byte> raw);
bool decode_chunk(ChunkCoding coding, std::size_t element_size, std::span<const std::byte> stored, std::span<std::byte> raw);

/// Whether that many stored bytes can decode to that many: to be asked before memory is taken for what a damaged file claims.
bool can_decode(std::span<const FilterStep> steps, uint32_t skipped, uint64_t stored_bytes, uint64_t raw_bytes);

/// HDF5's Fletcher checksum (Fletcher, "An arithmetic checksum for serial transmissions", 1982) of 16-bit words, the first byte the
/// upper one; an odd last byte is the upper one of a word of its own.
uint32_t fletcher32(std::span<const std::byte> bytes);

uint64_t chunk_hash(std::span<const std::byte> values);  ///< XXH3, 64 bits

}  // namespace cohort::datasets
