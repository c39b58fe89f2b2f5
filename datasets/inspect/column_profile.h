// What the raw texts of one column look like: the evidence for inferring its kind.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "datasets/import/value_table.h"

namespace cohort::datasets {

/// Memory is bounded: distinct values are counted up to a limit.
class ColumnProfile {
 public:
  void take(std::string_view text) { take(std::span(&text, 1)); }
  /// The values of some rows, in their order.
  void take(std::span<const std::string_view> texts);

  uint64_t values() const { return values_; }    ///< neither blank nor a usual marker of missing numbers
  uint64_t blanks() const { return blanks_; }
  const std::set<std::string>& markers() const { return markers_; }  ///< usual markers met: NA, null, ?, …
  uint64_t marked() const { return marked_; }

  bool all_numbers() const { return values_ > 0 && numbers_; }
  bool all_integers() const { return values_ > 0 && integers_; }
  bool all_unsigned() const { return values_ > 0 && unsigned_; }
  bool all_times() const { return values_ > 0 && times_; }
  /// Whole numbers that go up by one from row to row.
  bool counts_up() const { return all_integers() && ascending_ && blanks_ + marked_ == 0; }
  bool needs_float64() const { return needs_float64_; }
  double lowest() const { return lowest_; }
  double highest() const { return highest_; }

  /// Distinct texts, markers and padded texts included as they stand; at most kMaxDistinct.
  const StringTable& distinct() const { return distinct_; }
  bool distinct_is_exact() const { return !overflowed_; }
  /// No text occurred twice, as far as they were counted.
  bool all_distinct() const { return repeats_ == 0 && blanks_ == 0; }
  double mean_length() const;
  bool has_spaces() const { return spaces_; }
  bool has_invalid_utf8() const { return invalid_utf8_; }

  static constexpr std::size_t kMaxDistinct = 100'000;

 private:
  void take_one(std::string_view raw, const StringTable::Key& key);
  bool known(std::string_view text, const StringTable::Key& key);
  void take_new_text(std::string_view raw, std::string_view text);
  void take_new_value(std::string_view text);
  bool take_integer(std::string_view text, double& number);

  uint64_t values_ = 0, blanks_ = 0, marked_ = 0, repeats_ = 0, bytes_ = 0;
  std::set<std::string> markers_;
  StringTable distinct_;
  // What all values are, as far as they were seen: each holds until its first counter-example.
  bool numbers_ = true, integers_ = true, unsigned_ = true, times_ = true, ascending_ = true;
  bool spaces_ = false, overflowed_ = false, needs_float64_ = false, invalid_utf8_ = false;
  int64_t last_ = 0;
  double lowest_ = 0, highest_ = 0;
};

}  // namespace cohort::datasets
