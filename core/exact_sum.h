// Sums of doubles without rounding: whatever the order and whoever adds which part, the same number.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace cohort::core {

/// A fixed-point number wide enough for every finite double (a superaccumulator: Kulisch, "Computer Arithmetic and Validity", 2nd ed. 2013, ch. 8).
/// Sums that ranks hold are merged by adding their words as integers.
class ExactSum {
 public:
  static constexpr std::size_t kWords = 70;

  void add(double x);
  /// The number in normal form: words of 32 bits from 2^-1074 up, the last but one carrying the sign, the last counting what was not finite. Adding the
  /// words of up to 2^30 sums element by element gives the words of their sum.
  std::span<int64_t> words();
  /// The sum within one unit in the last place; NaN where something added was not finite.
  double value();

 private:
  void normalise();
  std::array<int64_t, kWords> words_{};
  int64_t pending_ = 0;  ///< additions since the words were last brought below 2^32
};

}  // namespace cohort::core
