#include "datasets/io/byte_source.h"

#include <algorithm>
#include <map>

#include <gmock/gmock.h>
#include <zlib.h>
#include <zstd.h>

#include "core/durable_file.h"
#include "core/error.h"
#include "datasets/io/ahead_source.h"
#include "tests/datasets/temporary_folder.h"

namespace cohort::datasets {
namespace {

namespace fs = std::filesystem;

std::string numbers(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += std::to_string(int64_t{i} * 7919) + "\n";
  return text;
}

std::string gzipped(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string result(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(result.data());
  stream.avail_out = static_cast<uInt>(result.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  result.resize(stream.total_out);
  deflateEnd(&stream);
  return result;
}

std::string zstd_compressed(const std::string& text) {
  std::string result(ZSTD_compressBound(text.size()), '\0');
  result.resize(ZSTD_compress(result.data(), result.size(), text.data(), text.size(), 1));
  return result;
}

std::string all_of(ByteSource& source, std::size_t piece = 100'000) {
  std::string text, buffer(piece, '\0');
  while (const std::size_t count = source.read(buffer)) text.append(buffer, 0, count);
  return text;
}

TEST(ByteSource, TheSameBytesWhateverTheFileAndTheWayItIsRead) {
  TemporaryFolder folder;
  const std::string text = numbers(600'000), half = text.substr(0, text.size() / 2), rest = text.substr(half.size());
  const std::map<std::string, std::string> contents{
      {"plain", text},
      {"gzip", gzipped(text)},
      {"gzip of two members", gzipped(half) + gzipped(rest)},
      {"gzip of two members, the last as large as all", gzipped(half) + gzipped("") + gzipped(rest)},
      {"padded gzip", gzipped(text) + std::string(1000, '\0')},
      {"zstd", zstd_compressed(text)},
      {"zstd of two frames", zstd_compressed(half) + zstd_compressed(rest)}};
  for (const auto& [name, content] : contents) {
    const fs::path file = folder.write(name, content);
    for (const auto& open : {open_bytes, open_bytes_ahead}) {
      const std::unique_ptr<ByteSource> source = open(file);
      EXPECT_TRUE(all_of(*source) == text) << name;
      EXPECT_EQ(source->sha256(), core::sha256_file(file)) << name;
      EXPECT_EQ(source->stored_bytes(), content.size()) << name;
    }
  }
}

TEST(ByteSource, EmptyFilesHoldNothing) {
  TemporaryFolder folder;
  for (const std::string& content : {std::string(), gzipped("")}) {
    const fs::path file = folder.write("x", content);
    EXPECT_EQ(all_of(*open_bytes(file)), "");
    EXPECT_EQ(all_of(*open_bytes_ahead(file)), "");
  }
}

TEST(ByteSource, DamageIsThrownWhereItIsMet) {
  TemporaryFolder folder;
  const std::string text = numbers(600'000), whole = gzipped(text);
  std::string flipped = whole;
  flipped[flipped.size() - 6] ^= 1;  // in the checksum
  for (const std::string& content : {whole.substr(0, whole.size() - 20), whole.substr(0, whole.size() / 2), whole.substr(0, 12), flipped,
                                     whole + "no gzip", zstd_compressed(text).substr(0, 200'000)}) {
    const fs::path file = folder.write("x", content);
    for (const auto& open : {open_bytes, open_bytes_ahead}) {
      const std::unique_ptr<ByteSource> source = open(file);
      std::string read, buffer(50'000, '\0');
      try {
        while (const std::size_t count = source->read(buffer)) read.append(buffer, 0, count);
        ADD_FAILURE() << "no error";
      } catch (const core::Error& error) {
        EXPECT_EQ(error.exit(), core::Exit::kDamaged) << error.what();
      }
      EXPECT_TRUE(text.starts_with(read));
    }
  }
}

TEST(ByteSource, AReaderMayLeaveEarly) {
  TemporaryFolder folder;
  const fs::path file = folder.write("x", numbers(2'000'000));
  for (int reads = 0; reads < 3; ++reads) {
    const std::unique_ptr<ByteSource> source = open_bytes_ahead(file);
    std::string buffer(10, '\0');
    for (int i = 0; i < reads; ++i) EXPECT_EQ(source->read(buffer), 10u);
  }
}

TEST(ByteSource, APlainFileIsReadFromAnyByte) {
  TemporaryFolder folder;
  const std::string text = numbers(300'000);
  const fs::path file = folder.write("x", text);
  EXPECT_EQ(plain_size(file), text.size());
  for (const std::size_t offset : {std::size_t{0}, std::size_t{1}, std::size_t{1'000'000}, text.size() - 1, text.size(), text.size() + 5}) {
    EXPECT_TRUE(all_of(*open_plain_at(file, offset)) == text.substr(std::min(offset, text.size()))) << offset;
  }
  EXPECT_EQ(plain_size(folder.write("z", gzipped(text))), std::nullopt);
  EXPECT_THROW(plain_size(folder / "absent"), core::Error);
}

/// Gives a byte a call, then fails.
class Failing : public ByteSource {
 public:
  std::size_t read(std::span<char> out) override {
    if (count_ == 10) throw core::failed_error("the disk fails");
    out[0] = static_cast<char>('a' + count_++);
    return 1;
  }
  std::string sha256() override { return {}; }
  uint64_t stored_bytes() const override { return 0; }

 private:
  int count_ = 0;
};

TEST(ReadAhead, HandsOutWhatCameBeforeAFailure) {
  for (const std::size_t chunk : {1, 3, 10, 11}) {
    const std::unique_ptr<ByteSource> source = read_ahead(std::make_unique<Failing>(), chunk, 2);
    std::string read;
    char byte = 0;
    try {
      while (source->read({&byte, 1}) == 1) read += byte;
      ADD_FAILURE() << "no error";
    } catch (const core::Error&) {
    }
    EXPECT_EQ(read, "abcdefghij") << chunk;
  }
}

/// Has no end.
class Endless : public ByteSource {
 public:
  std::size_t read(std::span<char> out) override {
    read_ += out.size();
    return out.size();
  }
  std::string sha256() override { return {}; }
  uint64_t stored_bytes() const override { return read_; }

 private:
  uint64_t read_ = 0;
};

TEST(ReadAhead, TellsOfItsProgressWhileItReads) {
  const std::unique_ptr<ByteSource> source = read_ahead(std::make_unique<Endless>(), 8, 2);
  std::string bytes(100, '\0');
  uint64_t read = 0;
  while (read < 1000) {
    read += source->read(bytes);
    EXPECT_GE(source->stored_bytes(), read);
  }
}

}  // namespace
}  // namespace cohort::datasets
