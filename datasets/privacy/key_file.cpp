#include "datasets/privacy/key_file.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "core/error.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kMostKeyBytes = 4096;
/// 32 random bytes hold 30 different ones on average, and fewer than 16 once in 10^19 draws.
constexpr std::size_t kLeastDistinctBytes = 16;

std::string make_key(const std::filesystem::path& path) {
  return fmt::format("make a key, once, and keep it safe: head -c 32 /dev/urandom | base64 > {0} && chmod 600 {0}", path.string());
}

struct KeyDescriptor {
  int value;
  ~KeyDescriptor() {
    if (value >= 0) ::close(value);
  }
};

/// The whole content; one byte more than a key may have where there is more.
core::Secret read_content(const std::filesystem::path& path) {
  // Not blocking: a pipe without a writer would hang here. What was opened is what is looked at.
  const KeyDescriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.value < 0) {
    if (errno == ENOENT || errno == ENOTDIR) throw core::usage_error(fmt::format("there is no key file {}", path.string()), make_key(path));
    throw core::system_error(fmt::format("cannot open the key file {}", path.string()), errno);
  }
  struct stat status {};
  if (::fstat(file.value, &status) != 0) throw core::system_error(fmt::format("cannot look at the key file {}", path.string()), errno);
  if (!S_ISREG(status.st_mode)) {
    throw core::usage_error(fmt::format("the key file {} is not a plain file", path.string()),
                            "every rank reads it, so a pipe or device won't do: put the key into a file that only you can read");
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    throw core::usage_error(fmt::format("others than its owner have rights to the key file {} (mode {:04o})", path.string(),
                                        static_cast<unsigned>(status.st_mode & 07777)),
                            fmt::format("chmod 600 {}; if others may have read it, make a new key", path.string()));
  }
  core::Secret buffer(kMostKeyBytes + 1);
  std::size_t size = 0;
  while (size < buffer.size()) {
    const ssize_t got = ::read(file.value, buffer.bytes().data() + size, buffer.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw core::system_error(fmt::format("cannot read the key file {}", path.string()), errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  return core::Secret(buffer.bytes().first(size));
}

bool is_key_space(unsigned char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

core::Secret without_space(std::span<const unsigned char> content) {
  core::Secret text(static_cast<std::size_t>(std::count_if(content.begin(), content.end(), [](auto c) { return !is_key_space(c); })));
  std::copy_if(content.begin(), content.end(), text.bytes().begin(), [](auto c) { return !is_key_space(c); });
  return text;
}

int hex_digit(unsigned char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// Of either alphabet of RFC 4648.
int base64_digit(unsigned char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  return c == '/' || c == '_' ? 63 : -1;
}

/// Nothing where a character is none of the alphabet, or a character is left over that completes no byte.
std::optional<core::Secret> decode_digits(std::span<const unsigned char> text, int bits_each, int (*digit)(unsigned char)) {
  core::Secret bytes(text.size() * static_cast<std::size_t>(bits_each) / 8);
  std::size_t size = 0;
  uint32_t held = 0;
  int bits = 0;
  for (const unsigned char c : text) {
    const int value = digit(c);
    if (value < 0) return std::nullopt;
    held = held << bits_each | static_cast<uint32_t>(value);
    bits += bits_each;
    if (bits < 8) continue;
    bits -= 8;
    bytes.bytes()[size++] = static_cast<unsigned char>(held >> bits & 0xFF);
  }
  if (bits >= bits_each) return std::nullopt;
  return bytes;
}

/// The bytes of hex or base64 text; none for half a hex byte; nothing where the content is neither.
std::optional<core::Secret> decode(std::span<const unsigned char> content) {
  const core::Secret text = without_space(content);
  const std::span<const unsigned char> digits = text.bytes();
  // An odd number of hex digits is a hex key that was cut off, not base64 by chance.
  if (std::all_of(digits.begin(), digits.end(), [](auto c) { return hex_digit(c) >= 0; })) {
    if (auto bytes = decode_digits(digits, 4, hex_digit)) return bytes;
    return core::Secret();
  }
  std::span<const unsigned char> body = digits;
  for (int pad = 0; pad < 2 && !body.empty() && body.back() == '='; ++pad) body = body.first(body.size() - 1);
  return decode_digits(body, 6, base64_digit);
}

bool is_printable(std::span<const unsigned char> content) {
  return std::all_of(content.begin(), content.end(), [](auto c) { return is_key_space(c) || (c >= 0x20 && c < 0x7F); });
}

std::size_t distinct_bytes(std::span<const unsigned char> bytes) {
  std::bitset<256> seen;
  for (const unsigned char c : bytes) seen.set(c);
  return seen.count();
}

}  // namespace

core::Secret read_key_file(const std::filesystem::path& path) {
  core::Secret content = read_content(path);
  const std::string name = path.string();
  if (content.size() > kMostKeyBytes) {
    throw core::usage_error(fmt::format("the key file {} is longer than {} bytes: is it another file?", name, kMostKeyBytes),
                            make_key(path));
  }
  if (std::all_of(content.bytes().begin(), content.bytes().end(), is_key_space)) {
    throw core::usage_error(fmt::format("the key file {} is empty", name), make_key(path));
  }
  if (auto decoded = decode(content.bytes())) {
    content = std::move(*decoded);
    if (content.size() == 0) {
      throw core::usage_error(fmt::format("the key file {} holds an odd number of hex digits: a part is missing", name),
                              "restore it from its copy; another key gives other pseudonyms");
    }
  } else if (is_printable(content.bytes())) {
    throw core::usage_error(fmt::format("the key file {} holds text that is neither hex nor base64: a pass phrase is no key", name),
                            make_key(path));
  }
  if (content.size() < kLeastKeyBytes) {
    throw core::usage_error(fmt::format("the key in {} has {} bytes; it needs at least {}", name, content.size(), kLeastKeyBytes),
                            make_key(path));
  }
  if (distinct_bytes(content.bytes()) < kLeastDistinctBytes) {
    throw core::usage_error(fmt::format("the key in {} is not random: it repeats a few bytes", name), make_key(path));
  }
  return content;
}

}  // namespace cohort::datasets
