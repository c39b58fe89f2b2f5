#include "datasets/text/code_points.h"

#include <algorithm>

#include <fmt/format.h>
#include <utf8proc.h>

#include "core/error.h"

namespace cohort::datasets {
namespace {

constexpr char32_t kTableSize = 0x10000;

template <class Ranges>
bool in_ranges(const Ranges& ranges, char32_t point) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const CodeRange& range) { return point >= range.first && point <= range.second; });
}

CharClass derive_class(char32_t point) {
  if ((point >= 0x9 && point <= 0xD) || point == 0x85) return CharClass::kSpace;
  if (in_ranges(kVariationSelectors, point)) return CharClass::kControl;
  if (in_ranges(kSingles, point)) return CharClass::kSingle;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(point))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
    case UTF8PROC_CATEGORY_PC: return CharClass::kLetter;
    case UTF8PROC_CATEGORY_ND: return CharClass::kDigit;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME: return CharClass::kMark;
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO: return CharClass::kPunctuation;
    case UTF8PROC_CATEGORY_SM:
    case UTF8PROC_CATEGORY_SC:
    case UTF8PROC_CATEGORY_SK:
    case UTF8PROC_CATEGORY_SO: return CharClass::kSymbol;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return CharClass::kSpace;
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF: return CharClass::kControl;
    default: return CharClass::kOther;
  }
}

std::array<CharClass, kTableSize> derive_table() {
  std::array<CharClass, kTableSize> table{};
  for (char32_t point = 0; point < kTableSize; ++point) table[point] = derive_class(point);
  return table;
}

[[noreturn]] void refuse_bytes(std::string_view text, std::size_t at) {
  throw core::usage_error(fmt::format("byte {} of a text, 0x{:02X}, is not UTF-8", at + 1, static_cast<unsigned char>(text[at])),
                          "convert the file with iconv, or name its encoding");
}

}  // namespace

CharClass class_of(char32_t point) {
  static const std::array<CharClass, kTableSize> table = derive_table();
  return point < kTableSize ? table[point] : derive_class(point);
}

std::string unicode_version() { return utf8proc_unicode_version(); }

char32_t next_point(std::string_view text, std::size_t& at) {
  const std::size_t begin = at;
  const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[i])); };
  const char32_t first = byte(begin);
  if (first < 0x80) {
    ++at;
    return first;
  }
  const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
  if (size == 0 || first > 0xF4 || text.size() - begin < size) refuse_bytes(text, begin);
  char32_t point = first & (0x7Fu >> size);
  for (std::size_t i = begin + 1; i < begin + size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) refuse_bytes(text, begin);
    point = point << 6 | (byte(i) & 0x3F);
  }
  const char32_t smallest = size == 2 ? 0x80 : size == 3 ? 0x800 : 0x10000;
  if (point < smallest || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) refuse_bytes(text, begin);
  at = begin + size;
  return point;
}

}  // namespace cohort::datasets
