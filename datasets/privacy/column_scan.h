// Looks at the values of one column for personal data: counts, and a masked example; no value is kept.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "datasets/privacy/personal_patterns.h"

namespace cohort::datasets {

/// Sees every value: the shares are exact, and nothing depends on the order of the values or on how they were spread over blocks,
/// threads and ranks. A number costs 1 to 3 ns, a text without @ and with fewer than six digits 1 ns for eight bytes; only long
/// numbers and text with an @ or many digits cost more. An object is used by one thread at a time; make one a thread and merge them.
class ColumnScan {
 public:
  struct Tally {
    uint64_t form = 0;              ///< values with the pattern's form
    uint64_t holds = 0;             ///< of these, those whose check digits agree as well
    /// Of the value with the smallest hash, so that the choice doesn't depend on the order: its hash, and its masked text padded
    /// with zeros.
    uint64_t example_hash = UINT64_MAX;
    std::array<char, 40> example{};
  };

  /// The column's name tells whether bare digits may be telephone or social security numbers.
  explicit ColumnScan(std::string_view column = {});

  /// A value as it would be stored, not missing. `times`: how often it occurs, for callers that have distinct values with counts.
  void see(std::string_view text, uint64_t times = 1) {
    values_ += times;
    if (text.size() >= kShortest && may_be_personal(text)) look(text, times);
  }
  /// The same for a text that was read as a number: fractions and numbers below a million are settled without the text.
  void see_number(double value, std::string_view text) {
    ++values_;
    if (std::abs(value) >= 1e6 && value == std::floor(value)) look(text, 1);
  }
  void see_integer(int64_t value, std::string_view text) {
    ++values_;
    if (value >= 1'000'000) look(text, 1);
  }

  void merge(const ColumnScan& other);

  /// For other ranks; masked examples are all that is in it of the values.
  std::string serialize() const;
  /// Throws Error (failed) on bytes of another size.
  static ColumnScan deserialize(std::string_view bytes);

  uint64_t values() const { return values_; }
  const Tally& tally(Pattern pattern) const { return tallies_[static_cast<std::size_t>(pattern)]; }
  /// How many different prefixes (130 … 199) the mobile numbers have.
  int mobile_prefixes() const;

 private:
  static constexpr std::size_t kShortest = 6;  ///< a@b.cd
  void look(std::string_view text, uint64_t times);

  uint64_t watched_ = 0;  ///< bits by pattern; 64 of them leave no gap in the bytes for other ranks
  uint64_t values_ = 0;
  std::array<Tally, kPatterns> tallies_{};
  std::array<uint64_t, 2> prefixes_{};  ///< bit by prefix
};

}  // namespace cohort::datasets
