#include "core/utf8.h"

#include <cstdint>

namespace cohort::core {
namespace {

/// Bytes of the character that starts here; 0 when it is malformed: a stray or missing byte, an overlong form, a
/// surrogate, or beyond U+10FFFF.
std::size_t character_size(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(text[i])); };
  const uint32_t first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
  if (size == 0 || text.size() < size) return 0;
  uint32_t code = first & (0x7Fu >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3F);
  }
  const uint32_t smallest = size == 2 ? 0x80 : size == 3 ? 0x800 : 0x10000;
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  return code < smallest || code > 0x10FFFF || surrogate ? 0 : size;
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = character_size(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::size_t utf8_length(std::string_view text) {
  std::size_t length = 0;
  while (!text.empty()) {
    const std::size_t size = character_size(text);
    text.remove_prefix(size == 0 ? 1 : size);
    ++length;
  }
  return length;
}

std::size_t utf8_offset(std::string_view text, std::size_t index) {
  std::size_t offset = 0;
  for (; index > 0 && offset < text.size(); --index) {
    const std::size_t size = character_size(text.substr(offset));
    offset += size == 0 ? 1 : size;
  }
  return offset;
}

}  // namespace cohort::core
