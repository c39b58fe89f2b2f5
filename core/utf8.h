// The little that messages need to know of UTF-8.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cohort::core {

bool is_utf8(std::string_view text);
/// Characters (code points); a stray byte counts as one.
std::size_t utf8_length(std::string_view text);
/// Byte offset of character `index`, or the size where there are fewer.
std::size_t utf8_offset(std::string_view text, std::size_t index);

}  // namespace cohort::core
