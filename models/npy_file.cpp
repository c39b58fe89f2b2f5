#include "models/npy_file.h"

#include <charconv>
#include <cstring>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "core/error.h"
#include "core/utf8.h"

namespace cohort::models {
namespace {

constexpr std::string_view kNpyMagic("\x93NUMPY", 6);
constexpr std::size_t kLongestNpyHeader = 64 << 10;  // NumPy's own limit is 10,000 unless told otherwise
constexpr std::size_t kMostNpyAxes = 64;
constexpr const char* kSaveAgain = "write it again: numpy.save(FILE, numpy.ascontiguousarray(array, dtype='<f4'))";

/// The header is the text of a Python dict with three keys. This reads just what NumPy writes into it.
class NpyHeaderParser {
 public:
  NpyHeaderParser(std::string_view text, const std::string& origin) : text_(text), origin_(origin) {}

  std::string descr;
  std::optional<bool> fortran_order;
  std::optional<std::vector<int64_t>> shape;

  void parse() {
    expect('{');
    while (!take('}')) {
      const std::string key = quoted();
      expect(':');
      value(key);
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    skip_spaces();
    if (at_ != text_.size()) fail("has text after its header's dict");
    if (descr.empty() || !fortran_order || !shape) fail("has a header without descr, fortran_order and shape");
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw core::damaged_error(fmt::format("{} {}", origin_, what), kSaveAgain); }

  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
  }
  bool take(char c) {
    skip_spaces();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail(fmt::format("has no '{}' at character {} of its header", c, at_));
  }
  bool take_word(std::string_view word) {
    skip_spaces();
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  std::string quoted() {
    skip_spaces();
    const char quote = at_ < text_.size() ? text_[at_] : ' ';
    if (quote != '\'' && quote != '"') fail(fmt::format("has no quoted word at character {} of its header", at_));
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) fail("has a word without an end in its header");
    std::string word(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return word;
  }
  int64_t number() {
    skip_spaces();
    int64_t parsed = 0;
    const auto [end, status] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), parsed);
    if (status != std::errc() || parsed < 0) fail("has a dimension that is no size");
    at_ = static_cast<std::size_t>(end - text_.data());
    if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // Python 2 wrote long integers so
    return parsed;
  }

  void value(const std::string& key) {
    if (key == "descr" && descr.empty()) {
      skip_spaces();
      if (at_ < text_.size() && text_[at_] == '[')
        throw core::usage_error(fmt::format("{} is a structured array, which has several types at once", origin_), kSaveAgain);
      descr = quoted();
    } else if (key == "fortran_order" && !fortran_order) {
      if (take_word("True")) fortran_order = true;
      else if (take_word("False")) fortran_order = false;
      else fail("has a fortran_order that is neither True nor False");
    } else if (key == "shape" && !shape) {
      shape.emplace();
      expect('(');
      while (!take(')')) {
        if (shape->size() == kMostNpyAxes) fail("has too many dimensions");
        shape->push_back(number());
        if (!take(',')) {
          expect(')');
          break;
        }
      }
    } else {
      fail(fmt::format("has the key '{}' in its header, unknown or twice", key));
    }
  }

  std::string_view text_;
  const std::string& origin_;
  std::size_t at_ = 0;
};

/// "<f4": order, kind, bytes (characters for U).
void read_npy_type(const std::string& descr, const std::string& origin, NpyArray& array) {
  const auto refuse = [&](const std::string& why) {
    throw core::usage_error(fmt::format("{} has the type '{}', {}", origin, descr, why), kSaveAgain);
  };
  if (descr.size() < 3) refuse("which isn't read");
  array.kind = descr[1];
  uint64_t count = 0;
  const auto [end, status] = std::from_chars(descr.data() + 2, descr.data() + descr.size(), count);
  if (status != std::errc() || end != descr.data() + descr.size() || count == 0 || count > (1u << 20)) refuse("which isn't read");
  const bool number = array.kind == 'f' || array.kind == 'i' || array.kind == 'u';
  const bool fits = array.kind == 'f' ? count == 2 || count == 4 || count == 8 : count == 1 || count == 2 || count == 4 || count == 8;
  if (array.kind != 'U' && array.kind != 'S' && !(number && fits)) refuse("which isn't read: floats have 2, 4 or 8 bytes");
  array.item_bytes = array.kind == 'U' ? 4 * count : count;
  const bool bytes_alone = array.kind == 'S' || array.item_bytes == 1;
  if (descr[0] != '<' && !(descr[0] == '|' && bytes_alone)) refuse(descr[0] == '>' ? "which is big-endian" : "whose byte order isn't read");
}

void append_utf8(std::string& text, uint32_t c) {
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += static_cast<char>(0xc0 | c >> 6);
    text += static_cast<char>(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    text += static_cast<char>(0xe0 | c >> 12);
    text += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    text += static_cast<char>(0x80 | (c & 0x3f));
  } else {
    text += static_cast<char>(0xf0 | c >> 18);
    text += static_cast<char>(0x80 | (c >> 12 & 0x3f));
    text += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    text += static_cast<char>(0x80 | (c & 0x3f));
  }
}

/// Trailing zeros are padding, as in NumPy.
std::string npy_unicode(std::string_view item, const std::string& origin) {
  std::vector<uint32_t> characters(item.size() / 4);
  std::memcpy(characters.data(), item.data(), item.size());
  while (!characters.empty() && characters.back() == 0) characters.pop_back();
  std::string text;
  for (const uint32_t c : characters) {
    if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
      throw core::damaged_error(fmt::format("{} has a character {:#x} that Unicode doesn't have", origin, c), "write the names again");
    append_utf8(text, c);
  }
  return text;
}

std::string npy_integer(std::string_view item, bool with_sign) {
  uint64_t bits = 0;
  std::memcpy(&bits, item.data(), item.size());
  if (!with_sign) return std::to_string(bits);
  const int unused = 64 - 8 * static_cast<int>(item.size());
  return std::to_string(static_cast<int64_t>(bits << unused) >> unused);
}

}  // namespace

bool is_npy(std::string_view bytes) { return bytes.substr(0, kNpyMagic.size()) == kNpyMagic; }

NpyArray read_npy_header(std::string_view bytes, const std::string& origin) {
  const auto fail = [&](const std::string& what) { throw core::damaged_error(fmt::format("{} {}", origin, what), kSaveAgain); };
  if (!is_npy(bytes) || bytes.size() < kNpyMagic.size() + 4) fail("is no .npy file");
  const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(bytes[i])); };
  const std::size_t major = byte(6), minor = byte(7);
  if (major < 1 || major > 3 || minor != 0) fail(fmt::format("has the .npy format {}.{}; 1.0, 2.0 and 3.0 are read", major, minor));
  const std::size_t length_bytes = major == 1 ? 2 : 4, text_begin = 8 + length_bytes;
  if (bytes.size() < text_begin) fail("ends within its header");
  std::size_t length = 0;
  for (std::size_t i = 0; i < length_bytes; ++i) length |= byte(8 + i) << (8 * i);
  if (length > kLongestNpyHeader) fail(fmt::format("has a header of {} bytes, more than any array of numbers or names needs", length));
  if (length > bytes.size() - text_begin) fail("ends within its header");
  NpyHeaderParser header(bytes.substr(text_begin, length), origin);
  header.parse();
  NpyArray array;
  read_npy_type(header.descr, origin, array);
  array.shape = *header.shape;
  array.begin = text_begin + length;
  if (*header.fortran_order && array.shape.size() > 1)
    throw core::usage_error(fmt::format("{} is in Fortran order, column after column; rows are wanted one after another", origin), kSaveAgain);
  const uint64_t stored = bytes.size() - array.begin;
  uint64_t wanted = array.item_bytes;
  for (const int64_t size : array.shape) {
    if (size != 0 && wanted > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) / static_cast<uint64_t>(size)) fail("has a shape that overflows");
    wanted *= static_cast<uint64_t>(size);
  }
  if (wanted != stored) fail(fmt::format("holds {} bytes where its shape asks for {}", stored, wanted));
  return array;
}

std::vector<std::string> npy_texts(std::string_view bytes, const std::string& origin) {
  const NpyArray array = read_npy_header(bytes, origin);
  if (array.shape.size() != 1 || array.kind == 'f')
    throw core::usage_error(fmt::format("{} is no list of names: it has {} dimensions and the kind '{}'", origin, array.shape.size(), array.kind),
                            "write one text or integer a row: numpy.save(FILE, numpy.array(names))");
  std::vector<std::string> texts;
  texts.reserve(static_cast<std::size_t>(array.shape[0]));
  for (int64_t i = 0; i < array.shape[0]; ++i) {
    const std::string_view item = bytes.substr(array.begin + static_cast<uint64_t>(i) * array.item_bytes, array.item_bytes);
    if (array.kind == 'U') {
      texts.push_back(npy_unicode(item, origin));
    } else if (array.kind == 'S') {
      texts.emplace_back(item.substr(0, item.find_last_not_of('\0') + 1));
      if (!core::is_utf8(texts.back()))
        throw core::damaged_error(fmt::format("{} has a name in row {} that isn't UTF-8", origin, i), "write the names in UTF-8");
    } else {
      texts.push_back(npy_integer(item, array.kind == 'i'));
    }
  }
  return texts;
}

}  // namespace cohort::models
