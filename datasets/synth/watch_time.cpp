#include "datasets/synth/watch_time.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "datasets/synth/columns.h"

namespace cohort::datasets {
namespace {

constexpr uint64_t kViewRetries = 64;  // places that the draws of a row have for further attempts, each

const std::vector<std::string> kVideoCategories{"comedy", "dance",   "food",   "games",  "music",
                                                "news",   "science", "sports", "travel", "vlogs"};

enum ViewColumn : std::size_t {
  kViewTime,
  kViewUser,
  kViewVideo,
  kViewCategory,
  kViewDuration,
  kViewWatch,
  kViewComplete,
  kViewInterest,
  kViewTrueWatch,
  kViewTruth,
  kViewColumns
};

Schema watch_time_schema(const void* made) {
  const auto& options = *static_cast<const WatchTimeOptions*>(made);
  Schema schema;
  schema.columns = {time_column("shown_at"),
                    code_column("user", static_cast<uint64_t>(options.users)),
                    code_column("video", static_cast<uint64_t>(options.videos)),
                    word_column("category", kVideoCategories),
                    dense_column("duration"),
                    number_label("watch_seconds"),
                    binary_label("complete"),
                    truth(dense_column("true_interest")),
                    truth(dense_column("true_watch")),
                    truth(dense_column("true_probability"))};
  return schema;
}

void watch_time_fill(const WatchTimeLaw& law, int64_t rows_per_day, uint64_t first, uint64_t count, RowBlock& block) {
  block.row.resize(count);
  block.columns.assign(kViewColumns, {});
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t row = first + i;
    const WatchTimeLaw::View view = law.view(row);
    const double duration = view.of.duration;
    const float shown = view.duration_shown ? static_cast<float>(duration) : std::numeric_limits<float>::quiet_NaN();
    block.row[i] = row;
    block.columns[kViewTime].longs.push_back(synth_time(row, rows_per_day));
    block.columns[kViewUser].ints.push_back(static_cast<int32_t>(view.user));
    block.columns[kViewVideo].ints.push_back(static_cast<int32_t>(view.video));
    block.columns[kViewCategory].ints.push_back(view.of.category);
    block.columns[kViewDuration].floats.push_back(shown);
    block.columns[kViewWatch].floats.push_back(static_cast<float>(view.watch));
    block.columns[kViewComplete].floats.push_back(view.complete ? 1.0f : 0.0f);
    block.columns[kViewInterest].floats.push_back(static_cast<float>(view.interest));
    block.columns[kViewTrueWatch].floats.push_back(static_cast<float>(view.appetite * core::portable_log(1 + duration / view.appetite)));
    block.columns[kViewTruth].floats.push_back(static_cast<float>(view.appetite / (view.appetite + duration)));
  }
}

RowFiller watch_time_filler(const void* made, uint64_t seed) {
  const auto& options = *static_cast<const WatchTimeOptions*>(made);
  const auto law = std::make_shared<const WatchTimeLaw>(options, seed);
  return [law, per_day = options.rows_per_day](uint64_t first, uint64_t count, RowBlock& block) {
    watch_time_fill(*law, per_day, first, count, block);
  };
}

}  // namespace

WatchTimeLaw::WatchTimeLaw(const WatchTimeOptions& options, uint64_t seed)
    : options_(options),
      user_ranks_(static_cast<uint64_t>(options.users), 0.6),
      video_ranks_(static_cast<uint64_t>(options.videos), options.popularity),
      user_ids_(static_cast<uint64_t>(options.users)),
      video_ids_(static_cast<uint64_t>(options.videos)),
      rows_(seed, "synth.watch-time.row"),
      retries_(seed, "synth.watch-time.retry"),
      users_(seed, "synth.watch-time.user"),
      videos_(seed, "synth.watch-time.video"),
      video_factors_(seed, "synth.watch-time.video", 1) {
  const core::KeyedRandom categories(seed, "synth.watch-time.category");
  for (std::size_t k = 0; k < kCategories; ++k) latent_factors(categories, k, category_factors_[k]);
}

WatchTimeLaw::Video WatchTimeLaw::video(uint64_t number) const {
  constexpr double kRootHalf = 0.70710678118654752440;
  const auto words = videos_.block(number);
  Video video;
  video.category = static_cast<int32_t>(below_of(words[0], kCategories));
  double seconds = 12 * core::portable_exp(0.5 * normal_of(words[1]));
  for (int32_t k = 0; k < video.category; ++k) seconds *= 1.4;
  video.duration = std::floor(std::clamp(seconds, 3.0, 600.0) * 10 + 0.5) / 10;
  video.quality = normal_of(words[2]);
  latent_factors(video_factors_, number, video.factors);
  const auto& shared = category_factors_[static_cast<std::size_t>(video.category)];
  for (std::size_t t = 0; t < kFactors; ++t) video.factors[t] = kRootHalf * (shared[t] + video.factors[t]);
  return video;
}

double WatchTimeLaw::interest(uint64_t user, const Video& video) const {
  std::array<double, kFactors> own{};
  latent_factors(users_, user, own);
  double match = 0;
  for (std::size_t t = 0; t < kFactors; ++t) match += own[t] * video.factors[t];
  return 0.6 * video.quality + 0.4 * match;
}

double WatchTimeLaw::appetite(double duration, double interest) const {
  return 12 * core::portable_exp(options_.stretch * core::portable_log(duration / 30) + options_.interest * interest);
}

WatchTimeLaw::View WatchTimeLaw::view(uint64_t row) const {
  // Two blocks a row: user, first and second candidate, choice; appetite, gap.
  const auto draws = rows_.block(2 * row), more = rows_.block(2 * row + 1);
  const auto rank = [&](const Zipf& law, std::size_t which) {
    return law.draw([&](uint64_t t) { return t == 0 ? draws[which] : retries_.u32((row * 3 + which) * kViewRetries + t); });
  };
  View view;
  view.user = user_ids_.code(rank(user_ranks_, 0) - 1);
  const uint64_t one = video_ids_.code(rank(video_ranks_, 1) - 1), other = video_ids_.code(rank(video_ranks_, 2) - 1);
  const Video of_one = video(one), of_other = video(other);
  const bool longer = open_unit(draws[3]) < (1 + options_.favour) / 2;
  const bool take_one = (of_one.duration >= of_other.duration) == longer;
  view.video = take_one ? one : other;
  view.of = take_one ? of_one : of_other;
  view.interest = interest(view.user, view.of);
  view.appetite = appetite(view.of.duration, view.interest);
  const double u = open_unit(more[0]);
  const double appetite_drawn = view.appetite * u / (1 - u);
  view.complete = appetite_drawn >= view.of.duration;
  view.watch = std::min(appetite_drawn, view.of.duration);
  view.duration_shown = open_unit(more[1]) >= options_.missing;
  return view;
}

void WatchTimeOptions::describe(core::Describe<WatchTimeOptions>& d) {
  d.field("users", &WatchTimeOptions::users, "users").min(1).max(kMostSynthIds);
  d.field("videos", &WatchTimeOptions::videos, "videos").min(1).max(kMostSynthIds);
  d.field("popularity", &WatchTimeOptions::popularity, "Zipf exponent of how often videos are candidates: 0 is even").min(0).max(4);
  d.field("interest", &WatchTimeOptions::interest, "effect of one standard deviation of interest on the log of the appetite").min(0).max(5);
  d.field("stretch", &WatchTimeOptions::stretch, "power of the duration by which long videos hold longer at equal interest").min(0).max(1);
  d.field("favour", &WatchTimeOptions::favour, "how much the longer of two candidates is preferred: 0 not at all, 1 always").min(0).max(1);
  d.field("missing", &WatchTimeOptions::missing, "share of rows whose duration is missing").min(0).max(1);
  d.field("rows_per_day", &WatchTimeOptions::rows_per_day, "views a day").min(1).max(1e12);
}

Generator watch_time_generator() {
  return {"views of short videos with duration bias; truth: interest, expected watch time, the probability of completion",
          &core::Schema::of<WatchTimeOptions>(),
          500'000,
          watch_time_schema,
          watch_time_filler,
          nullptr};
}

}  // namespace cohort::datasets
