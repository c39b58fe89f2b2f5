// Encodes and decodes chunks exactly as HDF5's filters do, without HDF5 and its global lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cohort::datasets {

/// none · shuffle + deflate (zlib format, level 1) · shuffle + zstd (HDF5 filter 32015, level 3).
enum class Filter : uint8_t { kNone, kDeflate, kZstd };

std::string to_string(Filter filter);
Filter filter_from_string(const std::string& text);  ///< throws Error (usage)

/// `raw` is a whole chunk; elements of one byte aren't shuffled. Thread-safe.
std::vector<std::byte> encode_chunk(Filter filter, std::size_t element_size, std::span<const std::byte> raw);

/// Fills `raw` exactly; gives false when the bytes don't decode to that size. Thread-safe; safe on hostile bytes.
bool decode_chunk(Filter filter, std::size_t element_size, std::span<const std::byte> stored, std::span<std::byte> raw);

uint64_t chunk_hash(std::span<const std::byte> values);  ///< XXH3, 64 bits

}  // namespace cohort::datasets
