#include "core/philox.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include <xxhash.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "core/normal_quantile.h"
#include "core/philox_rounds.h"

namespace cohort::core {
namespace {

constexpr uint32_t kMultiplier0 = Philox::kMultiplier0, kMultiplier1 = Philox::kMultiplier1, kWeyl0 = Philox::kWeyl0, kWeyl1 = Philox::kWeyl1;
constexpr int kRounds = Philox::kRounds;
constexpr float kUnit24 = Philox::kUnit24;

constexpr std::size_t kWords = 4;
// The filling functions compute this many blocks at a time.
constexpr std::size_t kWide = 32;

struct Stream {
  std::array<uint32_t, 2> key;
  uint32_t a, b;
};

/// Writes blocks first … first + kWide − 1, in the order of the stream.
using WideBlock = void (*)(uint64_t first, const Stream& stream, uint32_t* out);

void wide_block_plain(uint64_t first, const Stream& stream, uint32_t* out) {
  for (std::size_t i = 0; i < kWide; ++i) {
    const uint64_t block = first + i;
    const auto words = philox4x32({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), stream.a, stream.b}, stream.key);
    std::copy(words.begin(), words.end(), out + i * kWords);
  }
}

#if defined(__x86_64__)
/// Four blocks at once: 64-bit lanes hold one word each in their lower half, which is all that the multiplication
/// reads; what gathers in the upper halves is cut off at the end.
[[gnu::target("avx2")]] void four_blocks_avx2(uint64_t first, const Stream& stream, uint32_t* out) {
  const __m256i m0 = _mm256_set1_epi64x(kMultiplier0), m1 = _mm256_set1_epi64x(kMultiplier1);
  __m256i x0 = _mm256_add_epi64(_mm256_set1_epi64x(static_cast<int64_t>(first)), _mm256_set_epi64x(3, 2, 1, 0));
  __m256i x1 = _mm256_srli_epi64(x0, 32);
  __m256i x2 = _mm256_set1_epi64x(stream.a), x3 = _mm256_set1_epi64x(stream.b);
  uint32_t k0 = stream.key[0], k1 = stream.key[1];
  for (int round = 0; round < kRounds; ++round) {
    const __m256i p0 = _mm256_mul_epu32(m0, x0), p1 = _mm256_mul_epu32(m1, x2);
    x0 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p1, 32), x1), _mm256_set1_epi64x(k0));
    x2 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p0, 32), x3), _mm256_set1_epi64x(k1));
    x1 = p1;
    x3 = p0;
    k0 += kWeyl0;
    k1 += kWeyl1;
  }
  // Two words side by side, then the four of each block, then the blocks in order.
  const __m256i lower = _mm256_set1_epi64x(0xFFFFFFFF);
  const __m256i w01 = _mm256_or_si256(_mm256_and_si256(x0, lower), _mm256_slli_epi64(x1, 32));
  const __m256i w23 = _mm256_or_si256(_mm256_and_si256(x2, lower), _mm256_slli_epi64(x3, 32));
  const __m256i even = _mm256_unpacklo_epi64(w01, w23);
  const __m256i odd = _mm256_unpackhi_epi64(w01, w23);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm256_permute2x128_si256(even, odd, 0x20));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 8), _mm256_permute2x128_si256(even, odd, 0x31));
}

[[gnu::target("avx2")]] void wide_block_avx2(uint64_t first, const Stream& stream, uint32_t* out) {
  for (std::size_t i = 0; i < kWide; i += 4) four_blocks_avx2(first + i, stream, out + i * kWords);
}
#endif

// The work is on integers, and the one float product is exact: every CPU writes the same bits.
WideBlock best_wide_block() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return wide_block_avx2;
#endif
  return wide_block_plain;
}

// The upper 24 bits as an integer. At -O2 the compiler leaves these loops scalar.
[[gnu::optimize("O3")]] void write_uniform(const uint32_t* in, std::size_t count, float* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<float>(static_cast<int32_t>(in[i] >> 8)) * kUnit24;
}

[[gnu::optimize("O3")]] void write_mask(const uint32_t* in, std::size_t count, int32_t threshold, float value, float* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<int32_t>(in[i] >> 8) < threshold ? value : 0.0f;
}

/// Numbers first, first + 1, … of the stream, in pieces: `use(position, words, count)`.
template <class F>
void for_pieces(const Stream& stream, uint64_t first, std::size_t total, F&& use) {
  const WideBlock wide_block = best_wide_block();
  uint32_t raw[kWide * kWords];
  std::size_t done = 0, skip = first % kWords;
  for (uint64_t block = first / kWords; done < total; block += kWide) {
    wide_block(block, stream, raw);
    const std::size_t count = std::min(kWide * kWords - skip, total - done);
    use(done, raw + skip, count);
    done += count;
    skip = 0;
  }
}

std::array<uint32_t, 2> key_of(uint64_t seed, std::string_view purpose) {
  const uint64_t hash = XXH3_64bits_withSeed(purpose.data(), purpose.size(), seed);
  return {static_cast<uint32_t>(hash), static_cast<uint32_t>(hash >> 32)};
}

}  // namespace

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  uint32_t words[4] = {counter[0], counter[1], counter[2], counter[3]};
  philox_rounds(words, key[0], key[1]);
  return {words[0], words[1], words[2], words[3]};
}

KeyedRandom::KeyedRandom(uint64_t seed, std::string_view purpose, uint32_t a, uint32_t b) : key_(key_of(seed, purpose)), a_(a), b_(b) {}

uint32_t KeyedRandom::u32(uint64_t index) const {
  return block(index / kWords)[index % kWords];
}

std::array<uint32_t, 4> KeyedRandom::block(uint64_t index) const {
  return philox4x32({static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), a_, b_}, key_);
}

uint64_t KeyedRandom::u64(uint64_t index) const {
  // Two of these share a block.
  const auto words = block(index / 2);
  const std::size_t at = index % 2 * 2;
  return uint64_t{words[at + 1]} << 32 | words[at];
}

float KeyedRandom::uniform_float(uint64_t index) const { return static_cast<float>(u32(index) >> 8) * kUnit24; }

double KeyedRandom::uniform(uint64_t index) const { return static_cast<double>(u64(index) >> 11) * 0x1p-53; }

double KeyedRandom::normal(uint64_t index) const {
  // 52 bits and a half: never 0 or 1, and symmetric about one half.
  return normal_quantile((static_cast<double>(u64(index) >> 12) + 0.5) * 0x1p-52);
}

uint64_t KeyedRandom::below(uint64_t index, uint64_t n) const {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(u64(index)) * n >> 64);
}

void KeyedRandom::fill_u32(std::span<uint32_t> out, uint64_t first) const {
  for_pieces({key_, a_, b_}, first, out.size(),
             [out](std::size_t at, const uint32_t* in, std::size_t count) { std::copy_n(in, count, out.data() + at); });
}

void KeyedRandom::fill_uniform(std::span<float> out, uint64_t first) const {
  for_pieces({key_, a_, b_}, first, out.size(), [out](std::size_t at, const uint32_t* in, std::size_t count) {
    write_uniform(in, count, out.data() + at);
  });
}

uint32_t KeyedRandom::threshold_of(float keep) {
  const double scaled = std::ceil(static_cast<double>(keep) * 0x1p24);
  return static_cast<uint32_t>(std::min(std::max(scaled, 0.0), 0x1p24));
}

void KeyedRandom::fill_mask(std::span<float> out, float keep, float value, uint64_t first) const {
  const auto threshold = static_cast<int32_t>(threshold_of(keep));
  for_pieces({key_, a_, b_}, first, out.size(), [=](std::size_t at, const uint32_t* in, std::size_t count) {
    write_mask(in, count, threshold, value, out.data() + at);
  });
}

}  // namespace cohort::core
