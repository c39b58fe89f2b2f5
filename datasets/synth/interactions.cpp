#include "datasets/synth/interactions.h"

#include <algorithm>
#include <memory>

#include "datasets/synth/columns.h"

namespace cohort::datasets {
namespace {

constexpr int64_t kInteractionsBegin = 1704067200;  // 2024-01-01 UTC
constexpr double kExposureGap = 6 * 3600;           // seconds
constexpr uint64_t kExposuresPerClick = 64;         // at most, on average
constexpr uint64_t kMomentsPerUser = 1 << 18;       // at least 64 · (longest + 1)

enum ExposureColumn : std::size_t {
  kShownAt,
  kShownUser,
  kShownItem,
  kShownGroup,
  kShownLabel,
  kShownPolicy,
  kShownPropensity,
  kShownAffinity,
  kShownTruth,
  kShownColumns
};
enum ClickerColumn : std::size_t {
  kClickerUser,
  kClickerItems,
  kClickerTimes,
  kClickerTarget,
  kClickerPropensity,
  kClickerAffinity,
  kClickerHome,
  kClickerColumns
};

Schema interactions_schema(const void* made) {
  const auto& options = *static_cast<const SynthInteractionsOptions*>(made);
  const auto items = static_cast<uint64_t>(options.items), groups = static_cast<uint64_t>(options.groups);
  Schema schema;
  if (options.layout == "users") {
    schema.columns = {id_column("user"),
                      sequence_of(code_column("items", items)),
                      sequence_of(time_column("times")),
                      truth(code_column("target", items)),
                      truth(sequence_of(dense_column("propensity"))),
                      truth(sequence_of(dense_column("true_affinity"))),
                      truth(code_column("true_home", groups))};
    return schema;
  }
  const bool clicks = options.feedback == "click";
  schema.columns = {time_column("shown_at"),
                    code_column("user", static_cast<uint64_t>(options.users)),
                    code_column("item", items),
                    code_column("group", groups),
                    clicks ? binary_label("click") : number_label("rating"),
                    truth(word_column("policy", {"explore", "personal", "popular"})),
                    truth(dense_column("propensity")),
                    truth(dense_column("true_affinity")),
                    truth(dense_column(clicks ? "true_probability" : "true_rating"))};
  return schema;
}

class ExposureFiller {
 public:
  ExposureFiller(const SynthInteractionsOptions& options, uint64_t seed)
      : options_(options), law_(options, seed), clicks_(options.feedback == "click") {}

  void fill(uint64_t first, uint64_t count, RowBlock& block) const {
    block.row.resize(count);
    block.columns.assign(kShownColumns, {});
    for (uint64_t i = 0; i < count; ++i) {
      block.row[i] = first + i;
      fill_row(first + i, block.columns);
    }
  }

 private:
  void fill_row(uint64_t row, std::vector<ColumnBlock>& columns) const {
    const InteractionsLaw::User user = law_.user(law_.user_of_row(row));
    const InteractionsLaw::Exposure shown = law_.expose(user, row);
    const auto chances = law_.chances(row);
    const double affinity = law_.affinity(user, shown.item), u = open_unit(chances[0]);
    columns[kShownAt].longs.push_back(synth_time(row, options_.rows_per_day));
    columns[kShownUser].ints.push_back(static_cast<int32_t>(user.number));
    columns[kShownItem].ints.push_back(static_cast<int32_t>(shown.item));
    columns[kShownGroup].ints.push_back(open_unit(chances[1]) < options_.missing ? -1 : static_cast<int32_t>(law_.group(shown.item)));
    double mean = 1, label = 1;
    if (clicks_) {
      mean = law_.probability(affinity);
      label = u < mean ? 1 : 0;
    } else {
      for (int rating = 1; rating <= 4; ++rating) {
        const double above = law_.rating_above(affinity, rating);
        mean += above;
        label += u < above ? 1 : 0;
      }
    }
    columns[kShownLabel].floats.push_back(static_cast<float>(label));
    columns[kShownPolicy].ints.push_back(static_cast<int32_t>(shown.policy));
    columns[kShownPropensity].floats.push_back(static_cast<float>(law_.propensity(user, shown.item)));
    columns[kShownAffinity].floats.push_back(static_cast<float>(affinity));
    columns[kShownTruth].floats.push_back(static_cast<float>(mean));
  }

  SynthInteractionsOptions options_;
  InteractionsLaw law_;
  bool clicks_;
};

class ClickerFiller {
 public:
  ClickerFiller(const SynthInteractionsOptions& options, uint64_t seed)
      : options_(options), law_(options, seed), begins_(seed, "synth.interactions.begin") {}

  void fill(uint64_t first, uint64_t count, RowBlock& block) const {
    block.row.resize(count);
    block.columns.assign(kClickerColumns, {});
    for (uint64_t i = 0; i < count; ++i) {
      block.row[i] = first + i;
      fill_user(first + i, block.columns);
    }
  }

 private:
  void fill_user(uint64_t number, std::vector<ColumnBlock>& columns) const {
    const InteractionsLaw::User user = law_.user(number);
    const auto words = begins_.block(number);
    const double more = exponential_of(words[0]) * static_cast<double>(options_.mean_clicks - 2);
    const auto wanted = static_cast<uint64_t>(std::min(2 + more, static_cast<double>(options_.longest)));
    double time = static_cast<double>(kInteractionsBegin) + open_unit(words[1]) * 30 * 86400;
    uint64_t clicks = 0, last = 0;
    int32_t target = -1;
    for (uint64_t e = 0; e < kExposuresPerClick * (wanted + 1) && target < 0; ++e) {
      const uint64_t moment = number * kMomentsPerUser + e;
      const auto chances = law_.chances(moment);
      const bool follows = clicks > 0 && open_unit(chances[1]) < options_.chain;
      const uint64_t item = follows ? law_.successor(last) : law_.expose(user, moment).item;
      time += exponential_of(chances[2]) * kExposureGap;
      const double affinity = law_.affinity(user, item);
      if (open_unit(chances[0]) >= law_.probability(affinity)) continue;
      if (clicks == wanted) {
        target = static_cast<int32_t>(item);
        break;
      }
      double propensity = law_.propensity(user, item);
      if (clicks > 0) propensity = options_.chain * (item == law_.successor(last) ? 1 : 0) + (1 - options_.chain) * propensity;
      columns[kClickerItems].ints.push_back(static_cast<int32_t>(item));
      columns[kClickerTimes].longs.push_back(static_cast<int64_t>(time));
      columns[kClickerPropensity].floats.push_back(static_cast<float>(propensity));
      columns[kClickerAffinity].floats.push_back(static_cast<float>(affinity));
      last = item;
      ++clicks;
    }
    const auto end = static_cast<int64_t>(columns[kClickerItems].ints.size());
    for (const std::size_t c : {kClickerItems, kClickerTimes, kClickerPropensity, kClickerAffinity}) columns[c].ends.push_back(end);
    columns[kClickerUser].longs.push_back(static_cast<int64_t>(number));
    columns[kClickerTarget].ints.push_back(target);
    columns[kClickerHome].ints.push_back(static_cast<int32_t>(user.home));
  }

  SynthInteractionsOptions options_;
  InteractionsLaw law_;
  core::KeyedRandom begins_;
};

template <class Filler>
RowFiller shared_filler(const SynthInteractionsOptions& options, uint64_t seed) {
  const auto filler = std::make_shared<const Filler>(options, seed);
  return [filler](uint64_t first, uint64_t count, RowBlock& block) { filler->fill(first, count, block); };
}

RowFiller interactions_filler(const void* made, uint64_t seed) {
  const auto& options = *static_cast<const SynthInteractionsOptions*>(made);
  return options.layout == "users" ? shared_filler<ClickerFiller>(options, seed) : shared_filler<ExposureFiller>(options, seed);
}

}  // namespace

void SynthInteractionsOptions::describe(core::Describe<SynthInteractionsOptions>& d) {
  using O = SynthInteractionsOptions;
  d.field("layout", &O::layout, "rows: a row an exposure; users: a row a user with the sequence of clicks").one_of({"rows", "users"});
  d.field("feedback", &O::feedback, "click: 0 or 1; rating: 1 to 5").one_of({"click", "rating"});
  d.field("users", &O::users, "users of the layout \"rows\"; in \"users\" each row is another").min(1).max(kMostSynthIds);
  d.field("items", &O::items, "items, a multiple of groups").min(1).max(kMostSynthIds);
  d.field("groups", &O::groups, "groups of items that the same users like").min(1).max(100'000);
  d.field("factors", &O::factors, "latent factors").min(1).max(InteractionsLaw::kMostFactors);
  d.field("base", &O::base, "log-odds of a click at affinity 0").min(-20).max(20);
  d.field("taste", &O::taste, "effect of the match of factors on the affinity").min(0).max(10);
  d.field("quality", &O::quality, "effect of the item's quality on the affinity").min(0).max(10);
  d.field("merit", &O::merit, "correlation of an item's quality with the log of its popularity").min(0).max(1);
  d.field("popularity", &O::popularity, "Zipf exponent of exposure within a group: 0 is even").min(0).max(4);
  d.field("personal", &O::personal, "probability that an item comes from the user's home group by design").min(0).max(1);
  d.field("explore", &O::explore, "probability that any item is shown, evenly").min(0).max(1);
  d.field("chain", &O::chain, "probability that the successor of the last click is shown; layout \"users\"").min(0).max(1);
  d.field("mean_clicks", &O::mean_clicks, "mean length of the sequences, before the cut at `longest`; layout \"users\"").min(2).max(4000);
  d.field("longest", &O::longest, "longest sequence; layout \"users\"").min(2).max(4000);
  d.field("missing", &O::missing, "share of rows whose group is missing; layout \"rows\"").min(0).max(1);
  d.field("rows_per_day", &O::rows_per_day, "exposures a day; layout \"rows\"").min(1).max(1e12);
  d.rule(
      "items", [](const O& o) { return o.items % o.groups != 0 ? "items is no multiple of groups" : ""; }, "groups are of equal size");
  d.rule(
      "feedback", [](const O& o) { return o.layout == "users" && o.feedback != "click" ? "the layout \"users\" has clicks alone" : ""; },
      "leave feedback at \"click\"");
}

Generator interactions_generator() {
  return {"users meet items: latent factors, popularity, exposure bias with known propensities; a row an exposure or a user",
          &core::Schema::of<SynthInteractionsOptions>(),
          1'000'000,
          interactions_schema,
          interactions_filler,
          nullptr};
}

}  // namespace cohort::datasets
