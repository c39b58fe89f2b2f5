#include "datasets/store/chunk_codec.h"

#include <cstring>
#include <memory>

#include <libdeflate.h>
#include <xxhash.h>
#include <zstd.h>

#include "core/error.h"

namespace cohort::datasets {
namespace {

constexpr int kDeflateLevel = 1;
constexpr int kZstdLevel = 3;

struct FreeCompressor {
  void operator()(libdeflate_compressor* c) const { libdeflate_free_compressor(c); }
};
struct FreeDecompressor {
  void operator()(libdeflate_decompressor* d) const { libdeflate_free_decompressor(d); }
};

// libdeflate's objects hold hundreds of kilobytes of tables: one a thread, made at first use.
libdeflate_compressor* compressor() {
  thread_local std::unique_ptr<libdeflate_compressor, FreeCompressor> own(libdeflate_alloc_compressor(kDeflateLevel));
  if (!own) throw core::failed_error("out of memory for a compressor");
  return own.get();
}
libdeflate_decompressor* decompressor() {
  thread_local std::unique_ptr<libdeflate_decompressor, FreeDecompressor> own(libdeflate_alloc_decompressor());
  if (!own) throw core::failed_error("out of memory for a decompressor");
  return own.get();
}

// HDF5's shuffle filter: byte k of every element, then byte k + 1, …
template <std::size_t kSize>
void shuffle(const std::byte* raw, std::byte* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t k = 0; k < kSize; ++k) out[k * count + i] = raw[i * kSize + k];
  }
}
template <std::size_t kSize>
void unshuffle(const std::byte* shuffled, std::byte* raw, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t k = 0; k < kSize; ++k) raw[i * kSize + k] = shuffled[k * count + i];
  }
}

}  // namespace

std::string to_string(Filter filter) {
  switch (filter) {
    case Filter::kNone: return "none";
    case Filter::kDeflate: return "deflate";
    case Filter::kZstd: return "zstd";
  }
  return "?";
}

Filter filter_from_string(const std::string& text) {
  if (text == "none") return Filter::kNone;
  if (text == "deflate") return Filter::kDeflate;
  if (text == "zstd") return Filter::kZstd;
  throw core::usage_error("\"" + text + "\" is no filter", "take none, deflate or zstd");
}

std::vector<std::byte> encode_chunk(Filter filter, std::size_t element_size, std::span<const std::byte> raw) {
  if (filter == Filter::kNone) return {raw.begin(), raw.end()};
  std::vector<std::byte> shuffled;
  if (element_size > 1) {
    shuffled.resize(raw.size());
    if (element_size == 4) {
      shuffle<4>(raw.data(), shuffled.data(), raw.size() / 4);
    } else {
      shuffle<8>(raw.data(), shuffled.data(), raw.size() / 8);
    }
    raw = shuffled;
  }
  std::vector<std::byte> out;
  if (filter == Filter::kDeflate) {
    out.resize(libdeflate_zlib_compress_bound(compressor(), raw.size()));
    const std::size_t size = libdeflate_zlib_compress(compressor(), raw.data(), raw.size(), out.data(), out.size());
    if (size == 0) throw core::failed_error("a chunk could not be compressed");
    out.resize(size);
  } else {
    out.resize(ZSTD_compressBound(raw.size()));
    const std::size_t size = ZSTD_compress(out.data(), out.size(), raw.data(), raw.size(), kZstdLevel);
    if (ZSTD_isError(size)) throw core::failed_error("a chunk could not be compressed");
    out.resize(size);
  }
  return out;
}

bool decode_chunk(Filter filter, std::size_t element_size, std::span<const std::byte> stored, std::span<std::byte> raw) {
  if (filter == Filter::kNone) {
    if (stored.size() != raw.size()) return false;
    std::memcpy(raw.data(), stored.data(), raw.size());
    return true;
  }
  std::vector<std::byte> shuffled;
  std::span<std::byte> target = raw;
  if (element_size > 1) {
    shuffled.resize(raw.size());
    target = shuffled;
  }
  if (filter == Filter::kDeflate) {
    if (libdeflate_zlib_decompress(decompressor(), stored.data(), stored.size(), target.data(), target.size(), nullptr) !=
        LIBDEFLATE_SUCCESS) {
      return false;
    }
  } else if (ZSTD_decompress(target.data(), target.size(), stored.data(), stored.size()) != target.size()) {
    return false;
  }
  if (element_size == 4) unshuffle<4>(target.data(), raw.data(), raw.size() / 4);
  if (element_size == 8) unshuffle<8>(target.data(), raw.data(), raw.size() / 8);
  return true;
}

uint64_t chunk_hash(std::span<const std::byte> values) { return XXH3_64bits(values.data(), values.size()); }

}  // namespace cohort::datasets
