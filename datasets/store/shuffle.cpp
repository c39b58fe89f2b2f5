#include "datasets/store/shuffle.h"

#include <cstring>

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace cohort::datasets {
namespace {

void shuffle_from(std::size_t first, std::size_t size, std::size_t count, const std::byte* raw, std::byte* out) {
  for (std::size_t k = 0; k < size; ++k) {
    for (std::size_t i = first; i < count; ++i) out[k * count + i] = raw[i * size + k];
  }
}

void unshuffle_from(std::size_t first, std::size_t size, std::size_t count, const std::byte* shuffled, std::byte* out) {
  for (std::size_t i = first; i < count; ++i) {
    for (std::size_t k = 0; k < size; ++k) out[i * size + k] = shuffled[k * count + i];
  }
}

#ifdef __x86_64__

// The kernels below go on from element i, 16 (SSE2, in every x86-64) or 32 (AVX2) at a time, and give the number of elements done then.
// Interleaving rows of bytes makes rows of pairs, pairs become fours, fours become eights.

using Bytes16 = __m128i;
Bytes16 load16(const std::byte* from) { return _mm_loadu_si128(reinterpret_cast<const Bytes16*>(from)); }
void store16(std::byte* to, Bytes16 value) { _mm_storeu_si128(reinterpret_cast<Bytes16*>(to), value); }

std::size_t unshuffle4_sse2(std::size_t i, std::size_t count, const std::byte* in, std::byte* out) {
  for (out += 4 * i; i + 16 <= count; i += 16, out += 64) {
    const Bytes16 a = load16(in + i), b = load16(in + count + i), c = load16(in + 2 * count + i), d = load16(in + 3 * count + i);
    const Bytes16 ab0 = _mm_unpacklo_epi8(a, b), ab1 = _mm_unpackhi_epi8(a, b);
    const Bytes16 cd0 = _mm_unpacklo_epi8(c, d), cd1 = _mm_unpackhi_epi8(c, d);
    store16(out, _mm_unpacklo_epi16(ab0, cd0));
    store16(out + 16, _mm_unpackhi_epi16(ab0, cd0));
    store16(out + 32, _mm_unpacklo_epi16(ab1, cd1));
    store16(out + 48, _mm_unpackhi_epi16(ab1, cd1));
  }
  return i;
}

std::size_t unshuffle8_sse2(std::size_t i, std::size_t count, const std::byte* in, std::byte* out) {
  for (out += 8 * i; i + 16 <= count; i += 16, out += 128) {
    Bytes16 row[8], pair[8], four[8];
    for (std::size_t k = 0; k < 8; ++k) row[k] = load16(in + k * count + i);
    for (std::size_t k = 0; k < 4; ++k) {
      pair[k] = _mm_unpacklo_epi8(row[2 * k], row[2 * k + 1]);
      pair[4 + k] = _mm_unpackhi_epi8(row[2 * k], row[2 * k + 1]);
    }
    for (std::size_t half = 0; half < 2; ++half) {
      for (std::size_t k = 0; k < 2; ++k) {
        four[4 * half + k] = _mm_unpacklo_epi16(pair[4 * half + 2 * k], pair[4 * half + 2 * k + 1]);
        four[4 * half + 2 + k] = _mm_unpackhi_epi16(pair[4 * half + 2 * k], pair[4 * half + 2 * k + 1]);
      }
    }
    for (std::size_t quarter = 0; quarter < 4; ++quarter) {
      store16(out + 32 * quarter, _mm_unpacklo_epi32(four[2 * quarter], four[2 * quarter + 1]));
      store16(out + 32 * quarter + 16, _mm_unpackhi_epi32(four[2 * quarter], four[2 * quarter + 1]));
    }
  }
  return i;
}

// AVX2 interleaves within the halves of a register: the two halves of a result lie 16 elements apart.
__attribute__((target("avx2"))) std::size_t unshuffle4_avx2(std::size_t i, std::size_t count, const std::byte* in, std::byte* out) {
  for (out += 4 * i; i + 32 <= count; i += 32, out += 128) {
    __m256i row[4], result[4];
    for (std::size_t k = 0; k < 4; ++k) row[k] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in + k * count + i));
    const __m256i ab0 = _mm256_unpacklo_epi8(row[0], row[1]), ab1 = _mm256_unpackhi_epi8(row[0], row[1]);
    const __m256i cd0 = _mm256_unpacklo_epi8(row[2], row[3]), cd1 = _mm256_unpackhi_epi8(row[2], row[3]);
    result[0] = _mm256_unpacklo_epi16(ab0, cd0);
    result[1] = _mm256_unpackhi_epi16(ab0, cd0);
    result[2] = _mm256_unpacklo_epi16(ab1, cd1);
    result[3] = _mm256_unpackhi_epi16(ab1, cd1);
    for (std::size_t k = 0; k < 2; ++k) {
      auto* to = reinterpret_cast<__m256i*>(out + 32 * k);
      _mm256_storeu_si256(to, _mm256_permute2x128_si256(result[2 * k], result[2 * k + 1], 0x20));
      _mm256_storeu_si256(to + 2, _mm256_permute2x128_si256(result[2 * k], result[2 * k + 1], 0x31));
    }
  }
  return i;
}

__attribute__((target("avx2"))) std::size_t unshuffle8_avx2(std::size_t i, std::size_t count, const std::byte* in, std::byte* out) {
  for (out += 8 * i; i + 32 <= count; i += 32, out += 256) {
    __m256i row[8], pair[8], four[8];
    for (std::size_t k = 0; k < 8; ++k) row[k] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in + k * count + i));
    for (std::size_t k = 0; k < 4; ++k) {
      pair[k] = _mm256_unpacklo_epi8(row[2 * k], row[2 * k + 1]);
      pair[4 + k] = _mm256_unpackhi_epi8(row[2 * k], row[2 * k + 1]);
    }
    for (std::size_t half = 0; half < 2; ++half) {
      for (std::size_t k = 0; k < 2; ++k) {
        four[4 * half + k] = _mm256_unpacklo_epi16(pair[4 * half + 2 * k], pair[4 * half + 2 * k + 1]);
        four[4 * half + 2 + k] = _mm256_unpackhi_epi16(pair[4 * half + 2 * k], pair[4 * half + 2 * k + 1]);
      }
    }
    for (std::size_t quarter = 0; quarter < 4; ++quarter) {
      const __m256i low = _mm256_unpacklo_epi32(four[2 * quarter], four[2 * quarter + 1]);
      const __m256i high = _mm256_unpackhi_epi32(four[2 * quarter], four[2 * quarter + 1]);
      auto* to = reinterpret_cast<__m256i*>(out + 32 * quarter);
      _mm256_storeu_si256(to, _mm256_permute2x128_si256(low, high, 0x20));
      _mm256_storeu_si256(to + 4, _mm256_permute2x128_si256(low, high, 0x31));
    }
  }
  return i;
}

std::size_t unshuffle_fast(std::size_t size, std::size_t count, const std::byte* in, std::byte* out) {
  if (size != 4 && size != 8) return 0;
  std::size_t done = 0;
  if (__builtin_cpu_supports("avx2")) done = size == 4 ? unshuffle4_avx2(0, count, in, out) : unshuffle8_avx2(0, count, in, out);
  return size == 4 ? unshuffle4_sse2(done, count, in, out) : unshuffle8_sse2(done, count, in, out);
}

// The other way: keeping the even and the odd bytes of two registers apart, twice or three times.
std::size_t shuffle_fast(std::size_t size, std::size_t count, const std::byte* in, std::byte* out) {
  if (size != 4 && size != 8) return 0;
  const Bytes16 low = _mm_set1_epi16(0x00ff);
  std::size_t i = 0;
  for (; i + 16 <= count; i += 16, in += 16 * size) {
    Bytes16 part[8], next[8];
    for (std::size_t k = 0; k < size; ++k) part[k] = load16(in + 16 * k);
    // A round leaves `size` registers: first those of even bytes, then those of odd ones, each half alike in itself.
    for (std::size_t groups = 1; groups < size; groups *= 2) {
      const std::size_t members = size / groups;
      for (std::size_t g = 0; g < groups; ++g) {
        for (std::size_t k = 0; k < members / 2; ++k) {
          const Bytes16 a = part[g * members + 2 * k], b = part[g * members + 2 * k + 1];
          next[g * members + k] = _mm_packus_epi16(_mm_and_si128(a, low), _mm_and_si128(b, low));
          next[g * members + members / 2 + k] = _mm_packus_epi16(_mm_srli_epi16(a, 8), _mm_srli_epi16(b, 8));
        }
      }
      std::memcpy(part, next, size * sizeof(Bytes16));
    }
    // The groups' order is that of the bytes' numbers with their bits reversed.
    for (std::size_t k = 0; k < size; ++k) {
      const std::size_t byte = size == 4 ? (k & 1) * 2 + (k >> 1) : (k & 1) * 4 + (k & 2) + (k >> 2);
      store16(out + byte * count + i, part[k]);
    }
  }
  return i;
}

#else

std::size_t shuffle_fast(std::size_t, std::size_t, const std::byte*, std::byte*) { return 0; }
std::size_t unshuffle_fast(std::size_t, std::size_t, const std::byte*, std::byte*) { return 0; }

#endif

void copy_rest(std::size_t done, std::span<const std::byte> from, std::span<std::byte> to) {
  if (done < from.size()) std::memcpy(to.data() + done, from.data() + done, from.size() - done);
}

}  // namespace

void shuffle(std::size_t element_size, std::span<const std::byte> raw, std::span<std::byte> out) {
  const std::size_t size = element_size == 0 ? 1 : element_size, count = raw.size() / size;
  shuffle_from(shuffle_fast(size, count, raw.data(), out.data()), size, count, raw.data(), out.data());
  copy_rest(count * size, raw, out);
}

void unshuffle(std::size_t element_size, std::span<const std::byte> shuffled, std::span<std::byte> out) {
  const std::size_t size = element_size == 0 ? 1 : element_size, count = shuffled.size() / size;
  unshuffle_from(unshuffle_fast(size, count, shuffled.data(), out.data()), size, count, shuffled.data(), out.data());
  copy_rest(count * size, shuffled, out);
}

}  // namespace cohort::datasets
