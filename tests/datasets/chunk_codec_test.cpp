#include "datasets/store/chunk_codec.h"

#include <cstring>

#include <gtest/gtest.h>

#include "core/error.h"

namespace cohort::datasets {
namespace {

std::vector<std::byte> sample(std::size_t size) {
  std::vector<std::byte> raw(size);
  for (std::size_t i = 0; i < size; ++i) raw[i] = static_cast<std::byte>(i * i % 251);
  return raw;
}

TEST(ChunkCodec, GivesBackWhatItTook) {
  for (Filter filter : {Filter::kNone, Filter::kDeflate, Filter::kZstd}) {
    for (std::size_t element : {1u, 4u, 8u}) {
      const std::vector<std::byte> raw = sample(4096);
      const std::vector<std::byte> stored = encode_chunk(filter, element, raw);
      std::vector<std::byte> back(raw.size());
      ASSERT_TRUE(decode_chunk(filter, element, stored, back));
      EXPECT_EQ(back, raw);
    }
  }
}

TEST(ChunkCodec, RefusesBytesThatDecodeToAnotherSize) {
  for (Filter filter : {Filter::kNone, Filter::kDeflate, Filter::kZstd}) {
    const std::vector<std::byte> stored = encode_chunk(filter, 4, sample(4096));
    for (std::size_t size : {4092u, 4100u}) {
      std::vector<std::byte> back(size);
      EXPECT_FALSE(decode_chunk(filter, 4, stored, back));
    }
  }
}

TEST(ChunkCodec, NoFlippedBitGoesUnnoticed) {
  const std::vector<std::byte> raw = sample(512);
  const uint64_t hash = chunk_hash(raw);
  for (Filter filter : {Filter::kNone, Filter::kDeflate, Filter::kZstd}) {
    const std::vector<std::byte> stored = encode_chunk(filter, 4, raw);
    for (std::size_t bit = 0; bit < stored.size() * 8; ++bit) {
      std::vector<std::byte> flipped = stored;
      flipped[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
      std::vector<std::byte> back(raw.size());
      const bool accepted = decode_chunk(filter, 4, flipped, back) && chunk_hash(back) == hash;
      // What is accepted must be the same values: some bits of a compressed stream mean nothing.
      EXPECT_TRUE(!accepted || back == raw) << to_string(filter) << " bit " << bit;
    }
  }
}

TEST(ChunkCodec, NamesItsFilters) {
  for (Filter filter : {Filter::kNone, Filter::kDeflate, Filter::kZstd}) EXPECT_EQ(filter_from_string(to_string(filter)), filter);
  EXPECT_THROW(filter_from_string("gzip"), core::Error);
}

}  // namespace
}  // namespace cohort::datasets
