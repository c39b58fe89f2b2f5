// Views of short videos: how long each was watched, with the duration bias that a naive model takes for interest, and the true interest.
#pragma once

#include <array>
#include <cstdint>

#include "core/philox.h"
#include "datasets/synth/generators.h"
#include "datasets/synth/zipf.h"

namespace cohort::datasets {

/// The law. Columns `shown_at` (time), `user`, `video` (categorical int64), `category` (categorical), `duration` (dense, seconds,
/// sometimes missing); labels `watch_seconds` (regression) and `complete` (binary); truth, never features: `true_interest`, `true_watch`
/// (seconds), `true_probability` (of completion).
///
/// A video v has a category k = 0 … 9, even; a duration d = 12 · 1.4^k · e^(z/2) s within 3 … 600, rounded to tenths; a quality Q (z is
/// standard normal each time; Q too); factors G = (C + H) / √2, C the category's, H its own. A user has factors U. Factors are four
/// numbers each, uniform on (−√3, √3).
///
///     true_interest  θ = 0.6 Q + 0.4 Σt Ut Gt                          mean 0, variance 1 over users and videos drawn evenly
///     median appetite  α = 12 s · (d / 30)^stretch · e^(interest · θ)
///     appetite         W with P(W > t) = 1 / (1 + t / α)               log-logistic, shape 1: the watch if the video never ended
///     watch_seconds  = min(W, d),  complete = [W ≥ d]
///     true_watch     = E min(W, d) = α log(1 + d / α)
///     true_probability = P(complete) = α / (α + d)
///
/// So at equal interest longer videos are watched longer (they end later, and `stretch` adds to it) and completed more rarely: neither
/// label ranks interest. It can be recovered: the log-odds of completion are log 12 − stretch · log 30 + (stretch − 1) log d + interest ·
/// θ, linear in θ with an offset in log d; and since the cut at d is the only censoring, so can it from watch_seconds. Ranking by the
/// estimated θ, or by watch time expected at one duration for all, is free of the bias.
///
/// Who sees what: users come by Zipf's law with exponent 0.6, two candidate videos with exponent `popularity` (rank k is value
/// Scatter(n).code(k − 1), zipf.h); the longer one is shown with probability (1 + favour) / 2. Interest plays no part in it. Row i is
/// shown at 2024-01-01 00:00 UTC + ⌊i · 86400 / rows_per_day⌋ s.
struct WatchTimeOptions {
  int64_t users = 20'000;
  int64_t videos = 10'000;
  double popularity = 0.8;
  double interest = 1.0;
  double stretch = 0.3;
  double favour = 0.5;
  double missing = 0.02;
  int64_t rows_per_day = 100'000;
  static void describe(core::Describe<WatchTimeOptions>& d);
};

/// The law of one (options, seed). Immutable.
class WatchTimeLaw {
 public:
  static constexpr std::size_t kFactors = 4;
  static constexpr std::size_t kCategories = 10;
  struct Video {
    int32_t category = 0;
    double duration = 0;  ///< seconds
    double quality = 0;
    std::array<double, kFactors> factors{};
  };
  struct View {
    uint64_t user = 0, video = 0;
    Video of;
    double interest = 0;
    double appetite = 0;  ///< the median α, seconds
    double watch = 0;     ///< seconds
    bool complete = false;
    bool duration_shown = true;
  };

  WatchTimeLaw(const WatchTimeOptions& options, uint64_t seed);

  Video video(uint64_t video) const;
  double interest(uint64_t user, const Video& video) const;
  double appetite(double duration, double interest) const;
  View view(uint64_t row) const;

 private:
  WatchTimeOptions options_;
  Zipf user_ranks_, video_ranks_;
  Scatter user_ids_, video_ids_;
  core::KeyedRandom rows_, retries_, users_, videos_, video_factors_;
  std::array<std::array<double, kFactors>, kCategories> category_factors_{};
};

Generator watch_time_generator();

}  // namespace cohort::datasets
