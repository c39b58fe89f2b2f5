// Daily demand of items in stores: trend, seasons, promotions, intermittent series; a row is a window, as a demand net takes it.
#pragma once

#include <cstdint>

#include "core/philox.h"
#include "datasets/synth/generators.h"

namespace cohort::datasets {

/// A row is a window of one series: the `lookback` days before `origin` and the `horizon` days from it on. A net that forecasts many
/// steps needs both at once; a row a day would leave it to each trainer to cut windows, and every split but one by time would put a day's
/// neighbours on both sides. Rows run over all series at one origin, then over all at the next, `stride` days later: rows are in order of
/// time, a split by time is a split by rows, and windows of one series overlap in the same values.
///
/// Columns: `origin` (time, midnight UTC of the first day to forecast), `series`, `store`, `item` (categorical int64), the sequences
/// `history` (lookback values, oldest first, NaN where missing), `history_promotion` and `future_promotion` (0 or 1; the latter is known
/// ahead); label `demand`: the sum over the horizon. Never features: `future` (sequence: what is to be forecast, day by day),
/// `true_demand` and `true_future` (their means under the law), `true_pattern` (regular or intermittent).
///
/// The law. Series s is item s mod 50 in store ⌊s / 50⌋; day 0 is 2015-01-01; row i has series i mod series and the origin lookback +
/// stride · ⌊i / series⌋. Draws u are uniform on (0, 1), z standard normal, each of its own. The mean of day t is
///
///     m(t) = level · trend(t) · week(t) · year(t) · promotion(t) · e^(wander · w(t))
///     level = 20 e^(0.7 z(item) + 0.4 z(store) + 0.2 z(series)), for an intermittent series 0.05 times that
///     trend(t) = e^(0.08 · trend · z(item) · a / (1 + a / 10)), a = t / 365.25 the years since day 0
///     week(t) = 1 + season · (0.5 + u(series)) · {−0.25, −0.2, −0.1, 0, 0.1, 0.25, 0.2} on Monday … Sunday
///     year(t) = 1 + season · 0.4 u(item) cos 2π(a − u′(item))
///     promotion(t) = 1 + promotion · (0.3 + 0.7 u(item)) in weeks (from Monday on) with a promotion, one in ten by chance; else 1
///     w(t): a standard normal number at every 28th day (28 k − offset, the offset 0 … 27 the series' own), straight lines between
///
/// A regular day sells ⌊m g + u⌋, so m on average exactly, with g = e^(σz − σ²/2), σ² = log(1 + 1/m + 0.05): a variance of m + 0.05 m²
/// and at most 1/4 from rounding, that of a negative binomial. A series is intermittent with probability `intermittent`: then a day sells ⌊g m/p + u⌋ (σ²
/// with m/p) with probability p = 0.05 + 0.35 u(series), and else nothing: m on average too. Each value of `history` is missing with
/// probability `missing`.
///
/// true_future knows w(t) of days to come, which no forecast can: with wander = 0 it is what a perfect model predicts, else a bound.
struct DemandOptions {
  int64_t series = 500;
  int64_t lookback = 56;
  int64_t horizon = 14;
  int64_t stride = 7;
  double intermittent = 0.3;
  double trend = 1.0;
  double season = 1.0;
  double promotion = 1.0;
  double wander = 0.15;
  double missing = 0.01;
  static void describe(core::Describe<DemandOptions>& d);
};

inline constexpr int64_t kDemandItems = 50;     ///< a store
inline constexpr int64_t kDemandDays = 40'000;  ///< no window ends after so many: rows end there

/// The law of one (options, seed). Immutable.
class DemandLaw {
 public:
  struct Series {
    uint64_t number = 0;
    bool intermittent = false;
    double level = 0, growth = 0, week = 0, year = 0, phase = 0, lift = 0;
    double occurs = 1;  ///< probability that a day sells at all
    int64_t offset = 0;
  };
  struct Day {
    double mean = 0, sold = 0;
    bool promotion = false, shown = true;
  };

  DemandLaw(const DemandOptions& options, uint64_t seed);

  Series series(uint64_t number) const;
  bool promotion(const Series& series, int64_t day) const;
  double mean(const Series& series, int64_t day) const;
  Day day(const Series& series, int64_t day) const;

 private:
  double knot(const Series& series, int64_t number) const;

  DemandOptions options_;
  core::KeyedRandom series_, stores_, items_, days_, promotions_, knots_;
};

Generator demand_generator();

}  // namespace cohort::datasets
