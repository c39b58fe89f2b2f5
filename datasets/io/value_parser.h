// Raw text to numbers, the same for imports and for serving.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cohort::datasets {

/// Without spaces and tabs at both ends.
std::string_view trimmed(std::string_view text);

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
  explicit MissingMarkers(std::vector<std::string> markers) : markers_(std::move(markers)) {}
  bool holds(std::string_view text) const {
    if (text.empty()) return true;
    for (const std::string& marker : markers_) {
      if (text == marker) return true;
    }
    return false;
  }

 private:
  std::vector<std::string> markers_;
};

}  // namespace cohort::datasets
