// Numbers as people read them, alike in all that `cohort inspect` shows.
#pragma once

#include <cstdint>
#include <string>

namespace cohort::datasets {

/// 1,234,567
std::string thousands(uint64_t value);
/// Four digits, whole numbers in full.
std::string brief_number(double value);
/// "12.3 %"
std::string percent(uint64_t count, uint64_t total);
/// The first characters of a text, with … where some were cut off.
std::string shortened(const std::string& text, std::size_t characters);

}  // namespace cohort::datasets
