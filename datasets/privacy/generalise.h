// Values made coarser before they are stored: bands of numbers, prefixes of codes, periods of dates, rounded numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/options.h"
#include "datasets/io/time_format.h"
#include "datasets/schema.h"

namespace cohort::datasets {

/// The table `generalise` of a column: exactly one of its keys.
struct GeneraliseOptions {
  std::vector<double> bands;      ///< ascending bounds: [18, 25] gives (-inf,18) [18,25) [25,inf)
  std::optional<double> band;     ///< the width of bands that start at multiples of it: 10 gives … [20,30) …
  std::optional<int64_t> prefix;  ///< characters kept
  std::string date;               ///< day, month, quarter, year
  std::optional<double> round;    ///< to the nearest multiple
  static void describe(core::Describe<GeneraliseOptions>& d);
};

/// Why a column of this kind can't be generalised so ("" when it can). Bands and prefixes make text, so they suit categories
/// (prefixes also ids and texts); dates suit times and categories; rounding suits numbers and categories. A sequence is judged by its
/// elements: hand in their kind.
std::string generalise_problem(const GeneraliseOptions& options, Kind kind);

/// Multiples of a decimal number, exactly as people write them: multiple k of 0.1 is the double nearest to k/10, which is not always
/// k·0.1.
class DecimalStep {
 public:
  /// Whether the step is a positive number of at most nine decimals and below 2^53.
  static bool fits(double step);
  explicit DecimalStep(double step);  ///< must fit

  /// The k with multiple(k) ≤ value < multiple(k + 1); nothing where multiples that large can't be told apart, and for NaN.
  std::optional<int64_t> floor(double value) const;
  /// The nearest multiple; halves go away from zero.
  std::optional<int64_t> nearest(double value) const;
  double multiple(int64_t k) const;
  /// With the step's decimals: "0.30".
  std::string text(int64_t k) const;

 private:
  int64_t unit_ = 1;  ///< step = unit / 10^decimals
  int decimals_ = 0;
  double power_ = 1;
};

/// Applies one column's rule. Thread-safe: const after construction.
class Generaliser {
 public:
  /// `format` is how dates are written in the input.
  explicit Generaliser(const GeneraliseOptions& options, TimeFormat format = TimeFormat());

  /// The text to store for a raw one that isn't missing. Returns what is wrong with it ("is not a number"), fit to stand behind
  /// the shown value, or "" when `out` holds the result. White space around numbers and dates doesn't count.
  ///   bands, band   "[18,25)", ASCII, bounds with as few digits as read back equal
  ///   prefix        the first n characters (code points of UTF-8); shorter values stay as they are
  ///   date          2011-03-07, 2011-03, 2011-Q1, 2011, all in UTC
  ///   round         with the step's decimals: "12000", "0.30"
  std::string_view text(std::string_view raw, std::string& out) const;

  /// Rounds a number (rule `round`); NaN stays what it is. False where it is too large for the step.
  bool number(double& value) const;

  /// The first second of the period that holds this one (rule `date`), UTC. False where the calendar doesn't reach (beyond the
  /// years ±32,767).
  bool time(int64_t& seconds) const;

 private:
  enum class Rule { kBands, kBand, kPrefix, kDate, kRound };
  enum class Period { kDay, kMonth, kQuarter, kYear };
  std::string_view date_text(std::string_view raw, std::string& out) const;
  std::string_view band_text(double value, std::string& out) const;

  Rule rule_ = Rule::kPrefix;
  std::vector<double> bounds_;
  std::vector<std::string> labels_;  ///< of bands: bounds + 1
  std::optional<DecimalStep> step_;
  std::size_t prefix_ = 0;
  Period period_ = Period::kDay;
  TimeFormat format_;
};

}  // namespace cohort::datasets
