#include "datasets/store/content_sum.h"

#include <bit>
#include <cstring>

#include <xxhash.h>

#include "core/error.h"
#include "datasets/json_reader.h"

namespace cohort::datasets {
namespace {

// The finaliser of MurmurHash3 (Appleby, public domain): a bijection of 64 bits in which every input bit reaches every output bit.
inline uint64_t mix_bits(uint64_t x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdu;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53u;
  return x ^ (x >> 33);
}

inline void add_cell(ContentSum& sum, uint64_t position, uint64_t low, uint64_t high) {
  const uint64_t key = mix_bits(position + 0x9e3779b97f4a7c15u);
  sum.low += mix_bits(low ^ key);
  sum.high += mix_bits((high + std::rotl(key, 29)) ^ 0xd1b54a32d192ed03u);
}

template <class Word>
ContentSum sum_of_words(uint64_t position, std::span<const std::byte> values) {
  ContentSum sum;
  for (std::size_t at = 0; at < values.size(); at += sizeof(Word)) {
    Word word = 0;
    std::memcpy(&word, values.data() + at, sizeof word);
    add_cell(sum, position++, word, word);
  }
  return sum;
}

}  // namespace

std::string ContentSum::hex() const {
  return hash64_text(high) + hash64_text(low);
}

ContentSum content_sum_from_hex(const std::string& text) {
  ContentSum sum;
  if (text.size() != 32 || !parse_hash64(text.substr(0, 16), sum.high) || !parse_hash64(text.substr(16), sum.low)) {
    throw core::damaged_error("\"" + text + "\" is no content hash");
  }
  return sum;
}

ContentSum sum_of_values(uint64_t position, std::span<const std::byte> values, std::size_t value_size) {
  return value_size == 4 ? sum_of_words<uint32_t>(position, values) : sum_of_words<uint64_t>(position, values);
}

ContentSum sum_of_ragged(uint64_t position, std::span<const std::byte> values, std::size_t value_size, int64_t begin,
                         std::span<const int64_t> ends) {
  ContentSum sum;
  for (const int64_t end : ends) {
    const auto bytes = values.subspan(static_cast<std::size_t>(begin) * value_size, static_cast<std::size_t>(end - begin) * value_size);
    const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
    add_cell(sum, position++, hash.low64, hash.high64 + bytes.size());
    begin = end;
  }
  return sum;
}

}  // namespace cohort::datasets
