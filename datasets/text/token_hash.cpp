#include "datasets/text/token_hash.h"

#include <bit>
#include <cstring>

namespace cohort::datasets {
namespace {

uint32_t mixed_word(uint32_t word) { return std::rotl(word * 0xCC9E2D51u, 15) * 0x1B873593u; }

}  // namespace

uint32_t murmur_hash3(std::string_view bytes, uint32_t seed) {
  static_assert(std::endian::native == std::endian::little);
  uint32_t hash = seed;
  std::size_t at = 0;
  for (uint32_t word = 0; at + sizeof word <= bytes.size(); at += sizeof word) {
    std::memcpy(&word, bytes.data() + at, sizeof word);
    hash = std::rotl(hash ^ mixed_word(word), 13) * 5 + 0xE6546B64u;
  }
  if (at < bytes.size()) {
    uint32_t tail = 0;
    std::memcpy(&tail, bytes.data() + at, bytes.size() - at);
    hash ^= mixed_word(tail);
  }
  hash ^= static_cast<uint32_t>(bytes.size());
  hash = (hash ^ hash >> 16) * 0x85EBCA6Bu;
  hash = (hash ^ hash >> 13) * 0xC2B2AE35u;
  return hash ^ hash >> 16;
}

}  // namespace cohort::datasets
