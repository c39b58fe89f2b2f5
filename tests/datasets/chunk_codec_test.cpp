#include "datasets/store/chunk_codec.h"

#include <algorithm>
#include <cstring>

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/philox.h"
#include "datasets/store/shuffle.h"

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
      for (const bool shuffled : {true, false}) {
        for (const int level : {1, 2}) {
          const std::vector<std::byte> raw = sample(4096);
          const std::vector<std::byte> stored = encode_chunk({filter, shuffled}, element, raw, level);
          std::vector<std::byte> back(raw.size());
          ASSERT_TRUE(decode_chunk({filter, shuffled}, element, stored, back));
          EXPECT_EQ(back, raw);
        }
      }
    }
  }
}

TEST(ChunkCodec, StoresTheNoiseOfShuffledNumbersAsItIs) {
  const core::KeyedRandom random(1, "noise", 0, 0);
  std::vector<uint32_t> numbers(40'000);  // two random bytes, two equal ones: more noise than one stored block holds
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = 0x3f800000u | static_cast<uint32_t>(random.u64(i) & 0xffff);
  const std::span<const std::byte> raw = std::as_bytes(std::span(numbers));
  for (const int level : {1, 2}) {
    const std::vector<std::byte> stored = encode_chunk(Filter::kDeflate, 4, raw, level);
    EXPECT_LT(stored.size(), raw.size() / 2 + 1000);
    EXPECT_EQ(std::to_integer<int>(stored[2]), 0) << "the first block isn't a stored one";
    std::vector<std::byte> back(raw.size());
    ASSERT_TRUE(decode_chunk(Filter::kDeflate, 4, stored, back));
    EXPECT_TRUE(std::ranges::equal(back, raw));
  }
  // Counted numbers look like noise byte by byte, and aren't.
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<uint32_t>(i);
  EXPECT_LT(encode_chunk(Filter::kDeflate, 4, raw).size(), raw.size() / 20);
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

std::vector<std::byte> with_checksum(std::vector<std::byte> bytes) {
  const uint32_t sum = fletcher32(bytes);
  for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<std::byte>(sum >> (8 * i)));
  return bytes;
}

TEST(ChunkCodec, NoFlippedBitPassesTheFletcherChecksum) {
  const FilterStep steps[] = {FilterStep::kFletcher32};
  for (std::size_t size : {1u, 2u, 64u, 65u}) {
    const std::vector<std::byte> raw = sample(size), stored = with_checksum(raw);
    std::vector<std::byte> back(size);
    ASSERT_TRUE(decode_chunk(steps, 0, 1, stored, back));
    EXPECT_EQ(back, raw);
    for (std::size_t bit = 0; bit < stored.size() * 8; ++bit) {
      std::vector<std::byte> flipped = stored;
      flipped[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
      EXPECT_FALSE(decode_chunk(steps, 0, 1, flipped, back)) << size << " bytes, bit " << bit;
    }
    EXPECT_FALSE(decode_chunk(steps, 0, 1, std::span(stored).first(3), back));
  }
}

TEST(ChunkCodec, UndoesStepsInAnyOrderAndLeavesOutWhatTheMaskNames) {
  const FilterStep steps[] = {FilterStep::kFletcher32, FilterStep::kDeflate, FilterStep::kShuffle};
  const std::vector<std::byte> raw = sample(1000);
  for (uint32_t skipped = 0; skipped < 8; ++skipped) {
    std::vector<std::byte> stored = raw;
    if ((skipped & 1) == 0) stored = with_checksum(stored);
    if ((skipped & 2) == 0) stored = encode_chunk(Filter::kDeflate, 1, stored);
    if ((skipped & 4) == 0) {
      const std::vector<std::byte> plain = stored;
      shuffle(8, plain, stored);
    }
    std::vector<std::byte> back(raw.size());
    ASSERT_TRUE(decode_chunk(steps, skipped, 8, stored, back)) << skipped;
    EXPECT_EQ(back, raw) << skipped;
    EXPECT_FALSE(decode_chunk(steps, skipped ^ 2, 8, stored, back));
  }
}

TEST(ChunkCodec, RefusesTwoCompressionsAndClaimsNoFilterCouldMeet) {
  const FilterStep twice[] = {FilterStep::kDeflate, FilterStep::kZstd};
  const std::vector<std::byte> raw = sample(100);
  std::vector<std::byte> back(raw.size());
  EXPECT_FALSE(decode_chunk(twice, 0, 1, encode_chunk(Filter::kZstd, 1, encode_chunk(Filter::kDeflate, 1, raw)), back));
  // As many bytes as the best that each format can do, and one more.
  EXPECT_TRUE(can_decode(steps_of(Filter::kDeflate, 4), 0, 1000, 1'032'000));
  EXPECT_FALSE(can_decode(steps_of(Filter::kDeflate, 4), 0, 1000, 1'032'001));
  EXPECT_FALSE(can_decode(steps_of(Filter::kZstd, 4), 0, 1000, 32'768'001));
  EXPECT_FALSE(can_decode(steps_of(Filter::kNone, 4), 0, 1000, 1001));
  // Zeros compress best of all.
  const std::vector<std::byte> zeros(50'000'000);
  for (Filter filter : {Filter::kDeflate, Filter::kZstd}) {
    EXPECT_TRUE(can_decode(steps_of(filter, 1), 0, encode_chunk(filter, 1, zeros).size(), zeros.size()));
  }
}

TEST(ChunkCodec, NamesItsFilters) {
  for (Filter filter : {Filter::kNone, Filter::kDeflate, Filter::kZstd}) EXPECT_EQ(filter_from_string(to_string(filter)), filter);
  EXPECT_THROW(filter_from_string("gzip"), core::Error);
}

}  // namespace
}  // namespace cohort::datasets
