#include "datasets/store/chunk_codec.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>

#include <libdeflate.h>
#include <xxhash.h>
#include <zstd.h>
#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
#include <xxh_x86dispatch.h>  // the same hash by the processor's widest instructions
#endif

#include "core/error.h"
#include "datasets/store/scratch.h"
#include "datasets/store/shuffle.h"

namespace cohort::datasets {
namespace {

constexpr int kZstdLevel = 3;
// A match of deflate's makes at most 258 bytes of two bits; a block of zstd's, 128 KiB of four bytes.
constexpr uint64_t kDeflateRatio = 1032;
constexpr uint64_t kZstdRatio = 32768;
constexpr std::size_t kFletcherBytes = 4;

struct FreeCompressor {
  void operator()(libdeflate_compressor* c) const { libdeflate_free_compressor(c); }
};
struct FreeDecompressor {
  void operator()(libdeflate_decompressor* d) const { libdeflate_free_decompressor(d); }
};
struct FreeZstd {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// These objects hold hundreds of kilobytes of tables: one a thread, made at first use.
libdeflate_compressor* compressor(int level) {
  thread_local std::unique_ptr<libdeflate_compressor, FreeCompressor> own[2];
  std::unique_ptr<libdeflate_compressor, FreeCompressor>& one = own[level == 1 ? 0 : 1];
  if (!one) one.reset(libdeflate_alloc_compressor(level));
  if (!one) throw core::failed_error("out of memory for a compressor");
  return one.get();
}
libdeflate_decompressor* decompressor() {
  thread_local std::unique_ptr<libdeflate_decompressor, FreeDecompressor> own(libdeflate_alloc_decompressor());
  if (!own) throw core::failed_error("out of memory for a decompressor");
  return own.get();
}
ZSTD_DCtx* zstd_context() {
  thread_local std::unique_ptr<ZSTD_DCtx, FreeZstd> own(ZSTD_createDCtx());
  if (!own) throw core::failed_error("out of memory for a decompressor");
  return own.get();
}

bool compresses(FilterStep step) { return step == FilterStep::kDeflate || step == FilterStep::kZstd; }

bool decompress(FilterStep step, std::span<const std::byte> from, std::span<std::byte> to) {
  if (step == FilterStep::kDeflate) {
    return libdeflate_zlib_decompress(decompressor(), from.data(), from.size(), to.data(), to.size(), nullptr) == LIBDEFLATE_SUCCESS;
  }
  return ZSTD_decompressDCtx(zstd_context(), to.data(), to.size(), from.data(), from.size()) == to.size();
}

// The sum of 16-bit words in ones' complement: a multiple of 65535 that isn't 0 folds to 65535.
uint32_t folded(uint64_t sum) { return sum == 0 ? 0 : static_cast<uint32_t>((sum - 1) % 65535 + 1); }

// HDF5 1.6.2 wrote the bytes of each half in the other order on little-endian machines; such files are read too.
uint32_t halves_swapped(uint32_t sum) { return (sum & 0x00ff00ffu) << 8 | (sum >> 8 & 0x00ff00ffu); }

bool fletcher_fits(std::span<const std::byte> bytes, std::span<const std::byte> stored) {
  uint32_t expected = 0;
  for (std::size_t i = 0; i < kFletcherBytes; ++i) expected |= std::to_integer<uint32_t>(stored[i]) << (8 * i);
  const uint32_t sum = fletcher32(bytes);
  return sum == expected || halves_swapped(sum) == expected;
}

/// Undoes a chunk's steps one after another, the last of them straight into the caller's memory.
class ChunkDecoder {
 public:
  ChunkDecoder(std::span<const FilterStep> steps, uint32_t skipped, std::size_t element_size, std::span<std::byte> raw)
      : element_size_(element_size), raw_(raw) {
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const bool same = steps[i] == FilterStep::kShuffle && element_size <= 1;
      if ((skipped >> i & 1) == 0 && !same) steps_[count_++] = steps[i];
    }
  }

  bool run(std::span<const std::byte> stored) {
    current_ = stored;
    for (std::size_t i = count_; i-- > 0;) {
      if (!undo(i)) return false;
    }
    if (current_.size() != raw_.size()) return false;
    if (current_.data() != raw_.data() && !raw_.empty()) std::memcpy(raw_.data(), current_.data(), raw_.size());
    return true;
  }

 private:
  bool undo(std::size_t i) {
    if (steps_[i] == FilterStep::kFletcher32) {
      if (current_.size() < kFletcherBytes) return false;
      const std::size_t size = current_.size() - kFletcherBytes;
      if (!fletcher_fits(current_.first(size), current_.subspan(size))) return false;
      current_ = current_.first(size);
      return true;
    }
    std::size_t size = current_.size();
    if (compresses(steps_[i])) {
      // What an earlier step made of the chunk is known unless it compressed too.
      size = raw_.size();
      for (std::size_t before = 0; before < i; ++before) {
        if (compresses(steps_[before])) return false;
        if (steps_[before] == FilterStep::kFletcher32) size += kFletcherBytes;
      }
    }
    if (i == 0 && size != raw_.size()) return false;
    const std::span<std::byte> target = i == 0 ? raw_ : take(size);
    if (steps_[i] == FilterStep::kShuffle) {
      unshuffle(element_size_, current_, target);
    } else if (!decompress(steps_[i], current_, target)) {
      return false;
    }
    current_ = target;
    return true;
  }

  // Two in turn: what is being read stays whole.
  std::span<std::byte> take(std::size_t size) {
    turn_ = 1 - turn_;
    scratch_[turn_].reset();
    scratch_[turn_].emplace(size);
    return scratch_[turn_]->bytes();
  }

  FilterStep steps_[32] = {};
  std::size_t count_ = 0;
  std::size_t element_size_;
  std::span<std::byte> raw_;
  std::span<const std::byte> current_;
  std::optional<Scratch> scratch_[2];
  std::size_t turn_ = 0;
};

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

std::span<const FilterStep> steps_of(ChunkCoding coding, std::size_t element_size) {
  static constexpr FilterStep kDeflated[] = {FilterStep::kShuffle, FilterStep::kDeflate};
  static constexpr FilterStep kZstandard[] = {FilterStep::kShuffle, FilterStep::kZstd};
  if (coding.filter == Filter::kNone) return {};
  const std::span<const FilterStep> steps = coding.filter == Filter::kDeflate ? kDeflated : kZstandard;
  return coding.shuffled && element_size > 1 ? steps : steps.subspan(1);
}

int deflate_level(bool integers) { return integers ? 2 : 1; }

namespace {

/// Whether deflate makes bytes smaller by a sixteenth, judged by some of them.
bool deflates(libdeflate_compressor* compressor, std::span<const std::byte> bytes) {
  constexpr std::size_t kTrial = 4096;
  const std::span<const std::byte> sample = bytes.first(std::min(bytes.size(), kTrial));
  std::byte out[kTrial];
  return libdeflate_deflate_compress(compressor, sample.data(), sample.size(), out, sample.size() - sample.size() / 16) > 0;
}

/// Bytes at the start that are noise to deflate: the lower bytes of shuffled numbers often are.
std::size_t noise(std::span<const std::byte> shuffled, std::size_t element_size, int level) {
  const std::size_t plane = shuffled.size() / element_size;
  std::size_t bytes = 0;
  while (bytes + plane < shuffled.size() && plane > 0 && !deflates(compressor(level), shuffled.subspan(bytes, plane))) bytes += plane;
  return bytes;
}

/// A zlib stream (RFC 1950): the first `plain` bytes in stored blocks (RFC 1951, 3.2.4), which cost no time on either side, the others deflated.
std::vector<std::byte> zlib_stream(std::span<const std::byte> raw, std::size_t plain, int level) {
  constexpr std::size_t kMostStored = 65535, kAround = 2 + 4;
  const std::span<const std::byte> rest = raw.subspan(plain);
  std::vector<std::byte> out(kAround + plain + 5 * (plain / kMostStored + 1) + libdeflate_deflate_compress_bound(compressor(level), rest.size()));
  std::size_t at = 0;
  auto put = [&](uint32_t byte) { out[at++] = static_cast<std::byte>(byte & 0xff); };
  put(0x78);
  put(0x01);
  for (std::size_t done = 0; done < plain;) {
    const std::size_t count = std::min(plain - done, kMostStored);
    put(0);  // not the last block; stored; what is left of the byte is padding
    put(static_cast<uint32_t>(count));
    put(static_cast<uint32_t>(count >> 8));
    put(static_cast<uint32_t>(~count));
    put(static_cast<uint32_t>(~count >> 8));
    std::memcpy(out.data() + at, raw.data() + done, count);
    at += count;
    done += count;
  }
  const std::size_t size = libdeflate_deflate_compress(compressor(level), rest.data(), rest.size(), out.data() + at, out.size() - at - 4);
  if (size == 0) throw core::failed_error("a chunk could not be compressed");
  at += size;
  const uint32_t sum = libdeflate_adler32(1, raw.data(), raw.size());
  for (const int shift : {24, 16, 8, 0}) put(sum >> shift);
  out.resize(at);
  return out;
}

}  // namespace

std::vector<std::byte> encode_chunk(ChunkCoding coding, std::size_t element_size, std::span<const std::byte> raw, int level) {
  if (coding.filter == Filter::kNone) return {raw.begin(), raw.end()};
  std::optional<Scratch> shuffled;
  if (coding.shuffled && element_size > 1) {
    shuffled.emplace(raw.size());
    shuffle(element_size, raw, shuffled->bytes());
    raw = shuffled->bytes();
  }
  if (coding.filter == Filter::kDeflate) return zlib_stream(raw, shuffled ? noise(raw, element_size, level) : 0, level);
  std::vector<std::byte> out(ZSTD_compressBound(raw.size()));
  const std::size_t size = ZSTD_compress(out.data(), out.size(), raw.data(), raw.size(), kZstdLevel);
  if (ZSTD_isError(size)) throw core::failed_error("a chunk could not be compressed");
  out.resize(size);
  return out;
}

bool decode_chunk(std::span<const FilterStep> steps, uint32_t skipped, std::size_t element_size, std::span<const std::byte> stored,
                  std::span<std::byte> raw) {
  if (steps.size() > 32) return false;
  if (!can_decode(steps, skipped, stored.size(), raw.size())) return false;
  return ChunkDecoder(steps, skipped, element_size, raw).run(stored);
}

bool decode_chunk(ChunkCoding coding, std::size_t element_size, std::span<const std::byte> stored, std::span<std::byte> raw) {
  return decode_chunk(steps_of(coding, element_size), 0, element_size, stored, raw);
}

bool can_decode(std::span<const FilterStep> steps, uint32_t skipped, uint64_t stored_bytes, uint64_t raw_bytes) {
  uint64_t most = stored_bytes;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if ((skipped >> i & 1) != 0 || !compresses(steps[i])) continue;
    const uint64_t ratio = steps[i] == FilterStep::kDeflate ? kDeflateRatio : kZstdRatio;
    most = most > UINT64_MAX / ratio ? UINT64_MAX : most * ratio;
  }
  return raw_bytes <= most;
}

uint32_t fletcher32(std::span<const std::byte> bytes) {
  // Over a piece of 2^16 words the first sum stays below 2^33, the second below 2^50.
  constexpr std::size_t kWords = 1 << 16;
  uint64_t first = 0, second = 0;
  while (!bytes.empty()) {
    const std::span<const std::byte> piece = bytes.first(std::min(bytes.size(), 2 * kWords));
    bytes = bytes.subspan(piece.size());
    for (std::size_t i = 0; i < piece.size(); i += 2) {
      first += std::to_integer<uint64_t>(piece[i]) << 8 | (i + 1 < piece.size() ? std::to_integer<uint64_t>(piece[i + 1]) : 0);
      second += first;
    }
    first = folded(first);
    second = folded(second);
  }
  return folded(second) << 16 | folded(first);
}

uint64_t chunk_hash(std::span<const std::byte> values) { return XXH3_64bits(values.data(), values.size()); }

}  // namespace cohort::datasets
