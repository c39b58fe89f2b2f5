#include "datasets/io/byte_masks.h"

#include <algorithm>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace cohort::datasets {
namespace {

#if defined(__x86_64__)

bool cpu_has_avx2() {
  static const bool has = __builtin_cpu_supports("avx2") != 0;
  return has;
}

uint64_t equal_sse2(const __m128i* bytes, __m128i wanted) {
  uint64_t mask = 0;
  for (int i = 0; i < 4; ++i) {
    mask |= static_cast<uint64_t>(static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes[i], wanted)))) << (16 * i);
  }
  return mask;
}

void mask_sse2(const char* text, std::size_t words, char a, char b, char c, uint64_t* any, uint64_t* third) {
  const __m128i wanted_a = _mm_set1_epi8(a), wanted_b = _mm_set1_epi8(b), wanted_c = _mm_set1_epi8(c);
  for (std::size_t word = 0; word < words; ++word, text += 64) {
    __m128i bytes[4];
    for (int i = 0; i < 4; ++i) bytes[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text) + i);
    third[word] = equal_sse2(bytes, wanted_c);
    any[word] = equal_sse2(bytes, wanted_a) | equal_sse2(bytes, wanted_b) | third[word];
  }
}

__attribute__((target("avx2"))) inline uint64_t both_halves(__m256i low, __m256i high) {
  return static_cast<uint32_t>(_mm256_movemask_epi8(low)) | static_cast<uint64_t>(static_cast<uint32_t>(_mm256_movemask_epi8(high))) << 32;
}

__attribute__((target("avx2"))) void mask_avx2(const char* text, std::size_t words, char a, char b, char c, uint64_t* any, uint64_t* third) {
  const __m256i wanted_a = _mm256_set1_epi8(a), wanted_b = _mm256_set1_epi8(b), wanted_c = _mm256_set1_epi8(c);
  for (std::size_t word = 0; word < words; ++word, text += 64) {
    const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text));
    const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text) + 1);
    const __m256i low_c = _mm256_cmpeq_epi8(low, wanted_c), high_c = _mm256_cmpeq_epi8(high, wanted_c);
    const __m256i low_ab = _mm256_or_si256(_mm256_cmpeq_epi8(low, wanted_a), _mm256_cmpeq_epi8(low, wanted_b));
    const __m256i high_ab = _mm256_or_si256(_mm256_cmpeq_epi8(high, wanted_a), _mm256_cmpeq_epi8(high, wanted_b));
    third[word] = both_halves(low_c, high_c);
    any[word] = both_halves(_mm256_or_si256(low_ab, low_c), _mm256_or_si256(high_ab, high_c));
  }
}

// A byte of `sums` counts up to 255 matches before it has to be emptied.
constexpr std::size_t kUntilFull = 255;

std::size_t count_sse2(const char* text, std::size_t blocks, char byte) {
  const __m128i wanted = _mm_set1_epi8(byte);
  __m128i total = _mm_setzero_si128();
  while (blocks > 0) {
    const std::size_t some = std::min(blocks, kUntilFull);
    __m128i sums = _mm_setzero_si128();
    for (std::size_t i = 0; i < some; ++i, text += 16) {
      sums = _mm_sub_epi8(sums, _mm_cmpeq_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(text)), wanted));
    }
    total = _mm_add_epi64(total, _mm_sad_epu8(sums, _mm_setzero_si128()));
    blocks -= some;
  }
  alignas(16) uint64_t halves[2];
  _mm_store_si128(reinterpret_cast<__m128i*>(halves), total);
  return halves[0] + halves[1];
}

#else

void mask_plain(const char* text, std::size_t words, char a, char b, char c, uint64_t* any, uint64_t* third) {
  for (std::size_t word = 0; word < words; ++word, text += 64) {
    any[word] = third[word] = 0;
    for (int bit = 0; bit < 64; ++bit) {
      third[word] |= static_cast<uint64_t>(text[bit] == c) << bit;
      any[word] |= static_cast<uint64_t>(text[bit] == a || text[bit] == b || text[bit] == c) << bit;
    }
  }
}

#endif

}  // namespace

void mask_bytes(const char* text, std::size_t words, char a, char b, char c, uint64_t* any, uint64_t* third) {
#if defined(__x86_64__)
  if (cpu_has_avx2()) return mask_avx2(text, words, a, b, c, any, third);
#endif
  mask_bytes_baseline(text, words, a, b, c, any, third);
}

void mask_bytes_baseline(const char* text, std::size_t words, char a, char b, char c, uint64_t* any, uint64_t* third) {
#if defined(__x86_64__)
  mask_sse2(text, words, a, b, c, any, third);
#else
  mask_plain(text, words, a, b, c, any, third);
#endif
}

std::size_t count_byte(std::string_view text, char byte) {
  std::size_t count = 0, done = 0;
#if defined(__x86_64__)
  count = count_sse2(text.data(), text.size() / 16, byte);
  done = text.size() / 16 * 16;
#endif
  return count + static_cast<std::size_t>(std::count(text.begin() + static_cast<std::ptrdiff_t>(done), text.end(), byte));
}

bool has_high_bytes(std::string_view text) {
  constexpr uint64_t kHigh = 0x8080808080808080u;
  std::size_t i = 0;
  // Four words at a time, so that the loop isn't bound by its branch.
  for (uint64_t words[4]; i + sizeof words <= text.size(); i += sizeof words) {
    std::memcpy(words, text.data() + i, sizeof words);
    if (((words[0] | words[1] | words[2] | words[3]) & kHigh) != 0) return true;
  }
  return std::any_of(text.begin() + static_cast<std::ptrdiff_t>(i), text.end(), [](char c) { return static_cast<signed char>(c) < 0; });
}

}  // namespace cohort::datasets
