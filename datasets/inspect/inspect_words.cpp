#include "datasets/inspect/inspect_words.h"

#include <cmath>
#include <cstdio>

#include "core/utf8.h"

namespace cohort::datasets {

std::string thousands(uint64_t value) {
  std::string digits = std::to_string(value), result;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) result += ',';
    result += digits[i];
  }
  return result;
}

std::string brief_number(double value) {
  char text[32];
  const double size = std::abs(value);
  const bool whole = std::floor(value) == value && size < 1e9;
  std::snprintf(text, sizeof text, whole || (size >= 1e4 && size < 1e9) ? "%.0f" : "%.4g", value);
  return text;
}

std::string shortened(const std::string& text, std::size_t characters) {
  if (core::utf8_length(text) <= characters) return text;
  return text.substr(0, core::utf8_offset(text, characters - 1)) + "…";
}

std::string percent(uint64_t count, uint64_t total) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %%", total == 0 ? 0.0 : 100.0 * static_cast<double>(count) / static_cast<double>(total));
  return text;
}

}  // namespace cohort::datasets
