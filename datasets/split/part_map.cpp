#include "datasets/split/part_map.h"

#include <algorithm>

namespace cohort::datasets {
namespace {

constexpr uint64_t kEven = 0x5555555555555555u;

/// Bits set at even places. The compiler's own counts bit by bit through a table where the CPU is unknown.
inline uint64_t count_even(uint64_t x) {
  x = (x & 0x3333333333333333u) + ((x >> 2) & 0x3333333333333333u);
  x = (x + (x >> 4)) & 0x0F0F0F0F0F0F0F0Fu;
  return x * 0x0101010101010101u >> 56;
}

/// The place (in rows) of the i-th bit set at an even place.
inline uint64_t select_even(uint64_t x, uint64_t i) {
  uint64_t place = 0;
  for (uint64_t half = 16; half > 0; half /= 2) {
    const uint64_t lower = count_even(x & ((uint64_t{1} << (2 * half)) - 1));
    if (i < lower) continue;
    i -= lower;
    x >>= 2 * half;
    place += half;
  }
  return place;
}

}  // namespace

PartMap::PartMap(std::span<const Part> parts) : rows_(parts.size()), codes_((parts.size() + kWord - 1) / kWord, 0) {
  const uint64_t blocks = (rows_ + kBlock - 1) / kBlock;
  for (auto& counts : before_) counts.reserve(blocks + 1);
  for (uint64_t row = 0; row < rows_; ++row) {
    if (row % kBlock == 0) {
      for (std::size_t p = 0; p < 4; ++p) before_[p].push_back(sizes_[p]);
    }
    const auto p = static_cast<std::size_t>(parts[row]);
    codes_[row / kWord] |= static_cast<uint64_t>(p) << (row % kWord * 2);
    if (sizes_[p]++ % kHint == 0) hints_[p].push_back(static_cast<uint32_t>(row / kBlock));
  }
  for (std::size_t p = 0; p < 4; ++p) before_[p].push_back(sizes_[p]);
}

uint64_t PartMap::matches(uint64_t word, Part part) const {
  const uint64_t differs = codes_[word] ^ (static_cast<uint64_t>(part) * kEven);
  const uint64_t same = ~(differs | differs >> 1) & kEven;
  const uint64_t rows = rows_ - word * kWord;  // past the end stand zeros
  return rows >= kWord ? same : same & ((uint64_t{1} << (2 * rows)) - 1);
}

uint64_t PartMap::rank(Part part, uint64_t row) const {
  const uint64_t block = row / kBlock, last = row / kWord;
  uint64_t count = before_[static_cast<std::size_t>(part)][block];
  for (uint64_t word = block * (kBlock / kWord); word < last; ++word) count += count_even(matches(word, part));
  if (row % kWord != 0) count += count_even(matches(last, part) & ((uint64_t{1} << (row % kWord * 2)) - 1));
  return count;
}

uint64_t PartMap::row(Part part, uint64_t i) const {
  const auto p = static_cast<std::size_t>(part);
  if (sizes_[p] == rows_) return i;
  const std::vector<uint64_t>& before = before_[p];
  const std::vector<uint32_t>& hints = hints_[p];
  const uint64_t hint = i / kHint;
  const auto low = before.begin() + hints[hint];
  const auto high = hint + 1 < hints.size() ? before.begin() + hints[hint + 1] + 1 : before.end();
  const auto block = static_cast<uint64_t>(std::upper_bound(low, high, i) - before.begin()) - 1;
  uint64_t left = i - before[block];
  for (uint64_t word = block * (kBlock / kWord);; ++word) {
    const uint64_t same = matches(word, part), count = count_even(same);
    if (left < count) return word * kWord + select_even(same, left);
    left -= count;
  }
}

std::size_t PartMap::bytes() const {
  std::size_t bytes = codes_.capacity() * sizeof(uint64_t);
  for (std::size_t p = 0; p < 4; ++p) bytes += before_[p].capacity() * sizeof(uint64_t) + hints_[p].capacity() * sizeof(uint32_t);
  return bytes;
}

}  // namespace cohort::datasets
