// Raw text to numbers, the same for imports and for serving.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cohort::datasets {

/// Without spaces and tabs at both ends.
inline std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

enum class Parsed : uint8_t { kValue, kNotANumber, kOutOfRange };

/// The nearest float or double; a leading + is allowed; NaN, infinities and numbers beyond the type's range are refused.
Parsed parse_number(std::string_view text, float& value);
Parsed parse_number(std::string_view text, double& value);
Parsed parse_integer(std::string_view text, int64_t& value);
Parsed parse_integer(std::string_view text, uint64_t& value);

/// What the raw text of a missing value may be. An empty value is always missing; for numbers and times so is a blank one.
class MissingMarkers {
 public:
  MissingMarkers() = default;
  explicit MissingMarkers(std::vector<std::string> markers) : markers_(std::move(markers)) {
    for (const std::string& marker : markers_) sizes_ |= size_bit(marker);
  }
  bool holds(std::string_view text) const {
    if (text.empty()) return true;
    if ((sizes_ & size_bit(text)) == 0) return false;
    for (const std::string& marker : markers_) {
      if (text == marker) return true;
    }
    return false;
  }

 private:
  // Most values differ from all markers in their size alone.
  static uint64_t size_bit(std::string_view text) { return uint64_t{1} << (text.size() < 63 ? text.size() : 63); }

  std::vector<std::string> markers_;
  uint64_t sizes_ = 0;
};

}  // namespace cohort::datasets
