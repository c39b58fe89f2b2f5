// Where certain bytes stand in a text: 64 bytes a time, one bit each. SSE2 and AVX2 on x86-64, plain code elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cohort::datasets {

/// Bit b of any[w] says whether byte 64 w + b of `text` is one of the three; bit b of third[w] whether it is `c`. `text` holds
/// 64 `words` bytes. Equal bytes may be passed.
void mask_bytes(const char* text, std::size_t words, char a, char b, char c, uint64_t* any, uint64_t* third);
/// The same without AVX2, whatever the machine has.
void mask_bytes_baseline(const char* text, std::size_t words, char a, char b, char c, uint64_t* any, uint64_t* third);

/// How often a byte occurs.
std::size_t count_byte(std::string_view text, char byte);

/// Whether any byte is 0x80 or above.
bool has_high_bytes(std::string_view text);

}  // namespace cohort::datasets
