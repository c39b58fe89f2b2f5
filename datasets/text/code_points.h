// What kind of character a code point is, and UTF-8 to code points and back. Properties are utf8proc's, that is Unicode's.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace cohort::datasets {

/// First and last code point.
using CodeRange = std::pair<char32_t, char32_t>;

/// Scripts written without spaces, each of whose characters is a word: Han with its radicals and numerals, Hiragana, Katakana, Bopomofo.
/// Whole ranges, so that characters that a later Unicode assigns within them need no newer table.
inline constexpr std::array<CodeRange, 16> kSingles{{{0x2E80, 0x2FDF},
                                                     {0x3005, 0x3007},
                                                     {0x3021, 0x3029},
                                                     {0x3031, 0x3035},
                                                     {0x3038, 0x303C},
                                                     {0x3041, 0x3096},
                                                     {0x309D, 0x309F},
                                                     {0x30A1, 0x30FA},
                                                     {0x30FC, 0x312F},
                                                     {0x31A0, 0x31BF},
                                                     {0x31F0, 0x31FF},
                                                     {0x3400, 0x4DBF},
                                                     {0x4E00, 0x9FFF},
                                                     {0xF900, 0xFAFF},
                                                     {0x1AFF0, 0x1B16F},
                                                     {0x20000, 0x3FFFD}}};

/// They choose among the shapes of the character before them, which no vocabulary should tell apart.
inline constexpr std::array<CodeRange, 4> kVariationSelectors{{{0x180B, 0x180D}, {0x180F, 0x180F}, {0xFE00, 0xFE0F}, {0xE0100, 0xE01EF}}};

/// Taken for one apostrophe where letters or digits stand on both sides: then they belong to the word (don't), written as the first.
inline constexpr std::array<char32_t, 2> kApostrophes{0x27, 0x2019};
/// Between two digits they belong to the word (1,000.5).
inline constexpr std::array<char32_t, 2> kDigitJoiners{0x2C, 0x2E};

enum class CharClass : uint8_t {
  kOther,        ///< unassigned, private: no part of any word
  kSpace,        ///< general category Z, and U+0009 to U+000D, U+0085
  kControl,      ///< categories Cc (but for the above) and Cf, and kVariationSelectors
  kSingle,       ///< kSingles: a word by itself
  kLetter,       ///< categories L and Pc (_), numbers that are no digits
  kDigit,        ///< category Nd
  kMark,         ///< category M: goes with the character before it
  kPunctuation,  ///< category P but Pc
  kSymbol,       ///< category S: emoji, currencies
};

/// Thread-safe; a look-up in a table up to U+FFFF.
CharClass class_of(char32_t point);

/// The Unicode version of the properties, "15.0.0".
std::string unicode_version();

/// The code point that begins at `at`, which moves past it. Throws Error (usage) that names the byte where the text is no UTF-8: a stray or
/// missing byte, an overlong form, a surrogate, beyond U+10FFFF.
char32_t next_point(std::string_view text, std::size_t& at);

inline void append_utf8(char32_t point, std::string& out) {
  const auto add = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (point < 0x80) return add(point);
  if (point < 0x800) {
    add(0xC0 | point >> 6);
  } else {
    if (point < 0x10000) {
      add(0xE0 | point >> 12);
    } else {
      add(0xF0 | point >> 18);
      add(0x80 | (point >> 12 & 0x3F));
    }
    add(0x80 | (point >> 6 & 0x3F));
  }
  add(0x80 | (point & 0x3F));
}

}  // namespace cohort::datasets
