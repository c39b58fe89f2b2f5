#include "datasets/inspect/column_profile.h"

#include <algorithm>
#include <array>

#include "core/utf8.h"
#include "datasets/io/time_format.h"
#include "datasets/io/value_parser.h"

namespace cohort::datasets {
namespace {

constexpr std::array<std::string_view, 15> kMarkers{"NA",   "N/A",  "n/a", "#N/A", "NaN", "nan", "NULL", "null",
                                                    "None", "none", "?",   "-",    ".",   "nil", "missing"};

}  // namespace

void ColumnProfile::take(std::string_view raw) {
  if (!invalid_utf8_ && std::any_of(raw.begin(), raw.end(), [](char c) { return static_cast<signed char>(c) < 0; })) {
    invalid_utf8_ = !core::is_utf8(raw);
  }
  const std::string_view text = trimmed(raw);
  if (text.empty()) {
    ++blanks_;
    return;
  }
  take_distinct(raw);
  bytes_ += raw.size();
  if (raw.find(' ') != std::string_view::npos) ++spaces_;
  if (std::find(kMarkers.begin(), kMarkers.end(), text) != kMarkers.end()) {
    ++marked_;
    markers_.emplace(text);
    return;
  }
  take_value(text);
}

void ColumnProfile::take_distinct(std::string_view text) {
  if (distinct_.size() < kMaxDistinct) {
    const std::size_t before = distinct_.size();
    distinct_.code_of(text);
    if (distinct_.size() == before) ++repeats_;
  } else if (distinct_.find(text) >= 0) {
    ++repeats_;
  } else {
    overflowed_ = true;
  }
}

void ColumnProfile::take_value(std::string_view text) {
  const bool first = values_ == 0;
  int64_t integer = 0;
  uint64_t wide = 0;
  double number = 0;
  // Each test is dropped at its first counter-example.
  if (integers_ == values_ && parse_integer(text, integer) == Parsed::kValue) {
    ++integers_;
    ascending_ = ascending_ && (first || integer == last_ + 1);
    last_ = integer;
  }
  if (unsigned_ == values_ && parse_integer(text, wide) == Parsed::kValue) ++unsigned_;
  if (numbers_ == values_ && parse_number(text, number) == Parsed::kValue) {
    ++numbers_;
    float narrow = 0;
    needs_float64_ = needs_float64_ || parse_number(text, narrow) != Parsed::kValue;
    lowest_ = first ? number : std::min(lowest_, number);
    highest_ = first ? number : std::max(highest_, number);
  }
  static const TimeFormat iso8601;
  int64_t seconds = 0;
  if (times_ == values_ && iso8601.parse(text, seconds)) ++times_;
  ++values_;
}

double ColumnProfile::mean_length() const {
  return values_ + marked_ == 0 ? 0 : static_cast<double>(bytes_) / static_cast<double>(values_ + marked_);
}

}  // namespace cohort::datasets
