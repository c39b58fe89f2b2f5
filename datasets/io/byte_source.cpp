#include "datasets/io/byte_source.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include <libdeflate.h>
#include <zlib.h>
#include <zstd.h>

#include "core/durable_file.h"
#include "core/error.h"
#include "datasets/io/ahead_source.h"
#include "datasets/io/input_file.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kBufferBytes = 1 << 18;
constexpr std::size_t kWholeBytes = 64 << 20;  // of a gzip file that is inflated at once

/// The file's own bytes, hashed on their way.
class RawFile {
 public:
  explicit RawFile(const std::filesystem::path& path) : file_(path), buffer_(kBufferBytes) {}

  const std::string name() const { return file_.path().string(); }
  /// Bytes read ahead and not yet taken; reads more when there are none. Empty at the end.
  std::span<const char> peek() {
    if (begin_ == end_) {
      begin_ = 0;
      end_ = file_.read(std::as_writable_bytes(std::span(buffer_)));
      hash_.update(buffer_.data(), end_);
      bytes_ += end_;
    }
    return std::span(buffer_).subspan(begin_, end_ - begin_);
  }
  void take(std::size_t count) { begin_ += count; }
  /// Into `out`, past the buffer where nothing is left in it. 0 at the end.
  std::size_t read(std::span<char> out) {
    if (begin_ == end_ && out.size() >= kBufferBytes) {
      const std::size_t count = file_.read(std::as_writable_bytes(out.first(kBufferBytes)));
      hash_.update(out.data(), count);
      bytes_ += count;
      return count;
    }
    const std::span<const char> ahead = peek();
    const std::size_t count = std::min(ahead.size(), out.size());
    std::memcpy(out.data(), ahead.data(), count);
    take(count);
    return count;
  }
  /// Reads the rest of the file too, so that peek() shows all of it; where it has `size` bytes and none were taken.
  std::span<const char> peek_all(std::size_t size) {
    buffer_.resize(std::max(buffer_.size(), size));
    while (end_ < size) {
      const std::size_t count = file_.read(std::as_writable_bytes(std::span(buffer_).subspan(end_)));
      if (count == 0) break;
      hash_.update(buffer_.data() + end_, count);
      end_ += count;
      bytes_ += count;
    }
    return peek();
  }
  /// Takes all that peek_all() showed, and frees it.
  void forget() {
    buffer_ = std::vector<char>(kBufferBytes);
    begin_ = end_ = 0;
  }
  const InputFile& file() const { return file_; }
  std::string sha256() { return hash_.hex(); }
  uint64_t bytes() const { return bytes_; }

 private:
  InputFile file_;
  core::Sha256 hash_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0, end_ = 0;
  uint64_t bytes_ = 0;
};

class Source : public ByteSource {
 public:
  explicit Source(std::unique_ptr<RawFile> raw) : raw_(std::move(raw)) {}
  std::string sha256() override { return raw_->sha256(); }
  uint64_t stored_bytes() const override { return raw_->bytes(); }

 protected:
  [[noreturn]] void throw_damaged(const std::string& what) const {
    throw core::damaged_error(what, "copy or download the file again").at({raw_->name(), 0, 0});
  }
  std::unique_ptr<RawFile> raw_;
};

class PlainSource : public Source {
 public:
  using Source::Source;
  std::size_t read(std::span<char> out) override { return raw_->read(out); }
};

class GzipSource : public Source {
 public:
  /// `whole`: the first read() inflates a small file at once.
  GzipSource(std::unique_ptr<RawFile> raw, bool whole) : Source(std::move(raw)), try_whole_(whole) {
    if (inflateInit2(&stream_, 15 + 16) != Z_OK) throw core::failed_error("out of memory for a decompressor");
  }
  ~GzipSource() override { inflateEnd(&stream_); }

  std::size_t read(std::span<char> out) override {
    if (std::exchange(try_whole_, false)) inflate_whole();
    if (whole_ != nullptr) {
      const std::size_t count = std::min(out.size(), whole_bytes_ - whole_taken_);
      std::memcpy(out.data(), whole_.get() + whole_taken_, count);
      whole_taken_ += count;
      return count;
    }
    while (!ended_) {
      std::span<const char> bytes = raw_->peek();
      if (bytes.empty()) {
        if (!between_members_) throw_damaged("the gzip file is cut off");
        ended_ = true;
        break;
      }
      if (between_members_ && !start_member(bytes)) break;
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
      stream_.avail_in = static_cast<uInt>(bytes.size());
      stream_.next_out = reinterpret_cast<Bytef*>(out.data());
      stream_.avail_out = static_cast<uInt>(std::min<std::size_t>(out.size(), 1u << 30));
      const uInt room = stream_.avail_out;
      const int status = inflate(&stream_, Z_NO_FLUSH);
      raw_->take(bytes.size() - stream_.avail_in);
      if (status == Z_STREAM_END) {
        between_members_ = true;
      } else if (status != Z_OK && status != Z_BUF_ERROR) {
        throw_damaged(std::string("the gzip file is damaged") + (stream_.msg != nullptr ? std::string(": ") + stream_.msg : ""));
      }
      if (stream_.avail_out != room) return room - stream_.avail_out;
    }
    return 0;
  }

 private:
  // Only a file of one member, which the faster library can do. Any other stays as it is, to be streamed.
  void inflate_whole() {
    const std::size_t stored = raw_->file().regular_size().value_or(0);
    if (stored < kSmallestGzip || stored > kWholeBytes) return;
    std::array<unsigned char, 4> tail{};
    raw_->file().read_at(stored - tail.size(), std::as_writable_bytes(std::span(tail)));
    const std::size_t size = tail[0] | tail[1] << 8 | tail[2] << 16 | static_cast<std::size_t>(tail[3]) << 24;
    if (size > kWholeBytes) return;
    const std::span<const char> bytes = raw_->peek_all(stored);
    auto inflated = std::make_unique_for_overwrite<char[]>(size);
    const std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)> library(libdeflate_alloc_decompressor(),
                                                                                                    libdeflate_free_decompressor);
    std::size_t used = 0;
    if (library == nullptr ||
        libdeflate_gzip_decompress_ex(library.get(), bytes.data(), bytes.size(), inflated.get(), size, &used, nullptr) != LIBDEFLATE_SUCCESS ||
        used != bytes.size()) {
      return;
    }
    raw_->forget();
    whole_ = std::move(inflated);
    whole_bytes_ = size;
  }

  // Files may hold several members one after another; whatever follows the last one is padding when it is zeros.
  bool start_member(std::span<const char> bytes) {
    if (first_member_ || static_cast<unsigned char>(bytes[0]) == 0x1f) {
      first_member_ = false;
      between_members_ = false;
      if (inflateReset(&stream_) != Z_OK) throw core::failed_error("zlib could not start again");
      return true;
    }
    while (!bytes.empty()) {
      if (std::any_of(bytes.begin(), bytes.end(), [](char c) { return c != 0; })) {
        throw_damaged("the gzip file goes on with bytes that are no gzip");
      }
      raw_->take(bytes.size());
      bytes = raw_->peek();
    }
    ended_ = true;
    return false;
  }

  static constexpr std::size_t kSmallestGzip = 18;  // header and trailer

  std::unique_ptr<char[]> whole_;  ///< all of the file, where it was inflated at once
  std::size_t whole_bytes_ = 0, whole_taken_ = 0;
  bool try_whole_;
  z_stream stream_{};
  bool between_members_ = true, first_member_ = true, ended_ = false;
};

class ZstdSource : public Source {
 public:
  explicit ZstdSource(std::unique_ptr<RawFile> raw) : Source(std::move(raw)), stream_(ZSTD_createDStream()) {
    if (stream_ == nullptr) throw core::failed_error("out of memory for a decompressor");
  }
  ~ZstdSource() override { ZSTD_freeDStream(stream_); }

  std::size_t read(std::span<char> out) override {
    for (;;) {
      const std::span<const char> bytes = raw_->peek();
      ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
      ZSTD_outBuffer decoded{out.data(), out.size(), 0};
      if (bytes.empty() && frame_done_) return 0;
      const std::size_t status = ZSTD_decompressStream(stream_, &decoded, &in);
      if (ZSTD_isError(status)) throw_damaged(std::string("the zstd file is damaged: ") + ZSTD_getErrorName(status));
      raw_->take(in.pos);
      frame_done_ = status == 0;
      if (decoded.pos > 0) return decoded.pos;
      if (bytes.empty()) {
        if (frame_done_) return 0;
        throw_damaged("the zstd file is cut off");
      }
    }
  }

 private:
  ZSTD_DStream* stream_;
  bool frame_done_ = false;
};

enum class Stored { kPlain, kGzip, kZstd };

Stored format_of(RawFile& raw) {
  const std::span<const char> start = raw.peek();
  auto begins_with = [&](std::string_view magic) {
    return start.size() >= magic.size() && std::equal(magic.begin(), magic.end(), start.begin());
  };
  return begins_with("\x1f\x8b") ? Stored::kGzip : begins_with("\x28\xb5\x2f\xfd") ? Stored::kZstd : Stored::kPlain;
}

/// A plain file from some byte on; not hashed.
class PlainRest : public ByteSource {
 public:
  PlainRest(const std::filesystem::path& path, uint64_t offset) : file_(path), offset_(offset) {}
  std::size_t read(std::span<char> out) override {
    const std::size_t count = file_.read_some_at(offset_, std::as_writable_bytes(out));
    offset_ += count;
    return count;
  }
  std::string sha256() override { return {}; }
  uint64_t stored_bytes() const override { return file_.size(); }

 private:
  InputFile file_;
  uint64_t offset_;
};

std::unique_ptr<ByteSource> open_source(const std::filesystem::path& path, bool whole) {
  auto raw = std::make_unique<RawFile>(path);
  switch (format_of(*raw)) {
    case Stored::kGzip: return std::make_unique<GzipSource>(std::move(raw), whole);
    case Stored::kZstd: return std::make_unique<ZstdSource>(std::move(raw));
    default: return std::make_unique<PlainSource>(std::move(raw));
  }
}

}  // namespace

std::unique_ptr<ByteSource> open_bytes(const std::filesystem::path& path) { return open_source(path, false); }

std::unique_ptr<ByteSource> open_bytes_ahead(const std::filesystem::path& path) { return read_ahead(open_source(path, true)); }

std::unique_ptr<ByteSource> open_plain_at(const std::filesystem::path& path, uint64_t offset) {
  return read_ahead(std::make_unique<PlainRest>(path, offset));
}

std::optional<uint64_t> plain_size(const std::filesystem::path& path) {
  RawFile raw(path);
  if (format_of(raw) != Stored::kPlain) return {};
  return raw.file().regular_size();
}

std::string read_bytes(const std::filesystem::path& path) {
  const std::unique_ptr<ByteSource> source = open_bytes(path);
  std::string text;
  std::vector<char> buffer(kBufferBytes);
  while (const std::size_t count = source->read(buffer)) text.append(buffer.data(), count);
  return text;
}

}  // namespace cohort::datasets
