#include "datasets/inspect/column_profile.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/utf8.h"
#include "datasets/io/byte_masks.h"
#include "datasets/io/time_format.h"
#include "datasets/io/value_parser.h"

namespace cohort::datasets {
namespace {

constexpr std::array<std::string_view, 15> kMarkers{"NA",   "N/A",  "n/a", "#N/A", "NaN", "nan", "NULL", "null",
                                                    "None", "none", "?",   "-",    ".",   "nil", "missing"};

bool is_marker(std::string_view text) {
  constexpr std::size_t kLongest = 7;
  return text.size() <= kLongest && (text[0] < '0' || text[0] > '9') && std::find(kMarkers.begin(), kMarkers.end(), text) != kMarkers.end();
}

// Beyond these a float may be infinite or 0 where a double isn't.
bool surely_fits_float(double number) {
  const double size = std::abs(number);
  return size == 0 || (size > 1e-30 && size < 1e30);
}

}  // namespace

void ColumnProfile::take(std::span<const std::string_view> texts) {
  constexpr std::size_t kTogether = 32;
  std::array<StringTable::Key, kTogether> keys;
  while (!texts.empty()) {
    const std::size_t count = std::min(kTogether, texts.size());
    for (std::size_t i = 0; i < count; ++i) {
      keys[i] = StringTable::key_of(texts[i]);
      distinct_.announce(keys[i]);
    }
    for (std::size_t i = 0; i < count; ++i) take_one(texts[i], keys[i]);
    texts = texts.subspan(count);
  }
}

void ColumnProfile::take_one(std::string_view raw, const StringTable::Key& key) {
  const std::string_view text = trimmed(raw);
  if (text.empty()) {
    ++blanks_;
    return;
  }
  bytes_ += raw.size();
  if (!known(raw, key)) return take_new_text(raw, text);
  // A text that was seen before says nothing new, but that whole numbers don't go up by one.
  ++repeats_;
  if (!markers_.empty() && is_marker(text)) {
    ++marked_;
  } else {
    ++values_;
    ascending_ = false;
  }
}

// Whether the text is among the distinct ones; takes it in while there is room.
bool ColumnProfile::known(std::string_view text, const StringTable::Key& key) {
  if (distinct_.size() < kMaxDistinct) {
    const std::size_t before = distinct_.size();
    distinct_.code_of(text, key);
    return distinct_.size() == before;
  }
  if (distinct_.find(text, key) >= 0) return true;
  overflowed_ = true;
  return false;
}

void ColumnProfile::take_new_text(std::string_view raw, std::string_view text) {
  invalid_utf8_ = invalid_utf8_ || (has_high_bytes(raw) && !core::is_utf8(raw));
  spaces_ = spaces_ || raw.find(' ') != std::string_view::npos;
  if (is_marker(text)) {
    ++marked_;
    markers_.emplace(text);
    return;
  }
  take_new_value(text);
  ++values_;
}

void ColumnProfile::take_new_value(std::string_view text) {
  const bool first = values_ == 0;
  double number = 0;
  const bool whole = integers_ && take_integer(text, number);
  if (!whole && unsigned_) {
    uint64_t wide = 0;
    unsigned_ = parse_integer(text, wide) == Parsed::kValue;
  }
  if (numbers_) numbers_ = whole || parse_number(text, number) == Parsed::kValue;
  if (numbers_) {
    float narrow = 0;
    needs_float64_ = needs_float64_ || (!surely_fits_float(number) && parse_number(text, narrow) != Parsed::kValue);
    lowest_ = first ? number : std::min(lowest_, number);
    highest_ = first ? number : std::max(highest_, number);
  }
  if (times_) {
    static const TimeFormat iso8601;
    int64_t seconds = 0;
    times_ = iso8601.parse(text, seconds);
  }
}

// The integer is the number too, but for −0.
bool ColumnProfile::take_integer(std::string_view text, double& number) {
  int64_t integer = 0;
  integers_ = parse_integer(text, integer) == Parsed::kValue;
  if (!integers_) return false;
  unsigned_ = unsigned_ && text[0] != '-';
  ascending_ = ascending_ && (values_ == 0 || static_cast<uint64_t>(integer) == static_cast<uint64_t>(last_) + 1);
  last_ = integer;
  number = static_cast<double>(integer);
  if (integer == 0 && text[0] == '-') number = -0.0;
  return true;
}

double ColumnProfile::mean_length() const {
  return values_ + marked_ == 0 ? 0 : static_cast<double>(bytes_) / static_cast<double>(values_ + marked_);
}

}  // namespace cohort::datasets
