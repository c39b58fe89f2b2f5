#include "datasets/synth/demand.h"

#include <array>
#include <cmath>
#include <limits>
#include <memory>

#include "datasets/synth/columns.h"
#include "datasets/synth/draws.h"

namespace cohort::datasets {
namespace {

constexpr int64_t kDemandBegin = 1420070400;  // 2015-01-01 UTC, a Thursday
constexpr int64_t kDemandFirstWeekday = 3;    // Monday is 0
constexpr int64_t kDemandKnotDays = 28;
constexpr double kDemandDispersion = 0.05;
constexpr std::array<double, 7> kDemandWeek{-0.25, -0.2, -0.1, 0, 0.1, 0.25, 0.2};

enum WindowColumn : std::size_t {
  kWindowOrigin,
  kWindowSeries,
  kWindowStore,
  kWindowItem,
  kWindowHistory,
  kWindowHistoryPromotion,
  kWindowFuturePromotion,
  kWindowDemand,
  kWindowFuture,
  kWindowTrueDemand,
  kWindowTrueFuture,
  kWindowTruePattern,
  kWindowColumns
};

Schema demand_schema(const void* made) {
  const auto& options = *static_cast<const DemandOptions*>(made);
  Schema schema;
  schema.columns = {time_column("origin"),
                    code_column("series", static_cast<uint64_t>(options.series)),
                    code_column("store", static_cast<uint64_t>((options.series - 1) / kDemandItems + 1)),
                    code_column("item", kDemandItems),
                    sequence_of(dense_column("history")),
                    sequence_of(dense_column("history_promotion")),
                    sequence_of(dense_column("future_promotion")),
                    number_label("demand"),
                    truth(sequence_of(dense_column("future"))),
                    truth(dense_column("true_demand")),
                    truth(sequence_of(dense_column("true_future"))),
                    truth(word_column("true_pattern", {"intermittent", "regular"}))};
  return schema;
}

class WindowFiller {
 public:
  WindowFiller(const DemandOptions& options, uint64_t seed) : options_(options), law_(options, seed) {}

  void fill(uint64_t first, uint64_t count, RowBlock& block) const {
    block.row.resize(count);
    block.columns.assign(kWindowColumns, {});
    const auto all = static_cast<uint64_t>(options_.series);
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t row = first + i;
      block.row[i] = row;
      fill_window(law_.series(row % all), options_.lookback + options_.stride * static_cast<int64_t>(row / all), block.columns);
    }
  }

 private:
  void fill_window(const DemandLaw::Series& series, int64_t origin, std::vector<ColumnBlock>& columns) const {
    columns[kWindowOrigin].longs.push_back(kDemandBegin + origin * 86400);
    columns[kWindowSeries].ints.push_back(static_cast<int32_t>(series.number));
    columns[kWindowStore].ints.push_back(static_cast<int32_t>(series.number / kDemandItems));
    columns[kWindowItem].ints.push_back(static_cast<int32_t>(series.number % kDemandItems));
    columns[kWindowTruePattern].ints.push_back(series.intermittent ? 0 : 1);
    for (int64_t t = origin - options_.lookback; t < origin; ++t) {
      const DemandLaw::Day day = law_.day(series, t);
      columns[kWindowHistory].floats.push_back(day.shown ? static_cast<float>(day.sold) : std::numeric_limits<float>::quiet_NaN());
      columns[kWindowHistoryPromotion].floats.push_back(day.promotion ? 1.0f : 0.0f);
    }
    double sold = 0, mean = 0;
    for (int64_t t = origin; t < origin + options_.horizon; ++t) {
      const DemandLaw::Day day = law_.day(series, t);
      columns[kWindowFuturePromotion].floats.push_back(day.promotion ? 1.0f : 0.0f);
      columns[kWindowFuture].floats.push_back(static_cast<float>(day.sold));
      columns[kWindowTrueFuture].floats.push_back(static_cast<float>(day.mean));
      sold += day.sold;
      mean += day.mean;
    }
    columns[kWindowDemand].floats.push_back(static_cast<float>(sold));
    columns[kWindowTrueDemand].floats.push_back(static_cast<float>(mean));
    for (const std::size_t c : {kWindowHistory, kWindowHistoryPromotion, kWindowFuturePromotion, kWindowFuture, kWindowTrueFuture}) {
      columns[c].ends.push_back(static_cast<int64_t>(columns[c].floats.size()));
    }
  }

  DemandOptions options_;
  DemandLaw law_;
};

RowFiller demand_filler(const void* made, uint64_t seed) {
  const auto filler = std::make_shared<const WindowFiller>(*static_cast<const DemandOptions*>(made), seed);
  return [filler](uint64_t first, uint64_t count, RowBlock& block) { filler->fill(first, count, block); };
}

uint64_t demand_most_rows(const void* made) {
  const auto& options = *static_cast<const DemandOptions*>(made);
  return static_cast<uint64_t>(options.series * ((kDemandDays - options.lookback - options.horizon) / options.stride + 1));
}

}  // namespace

DemandLaw::DemandLaw(const DemandOptions& options, uint64_t seed)
    : options_(options),
      series_(seed, "synth.demand.series"),
      stores_(seed, "synth.demand.store"),
      items_(seed, "synth.demand.item"),
      days_(seed, "synth.demand.day"),
      promotions_(seed, "synth.demand.promotion"),
      knots_(seed, "synth.demand.knot") {}

DemandLaw::Series DemandLaw::series(uint64_t number) const {
  const uint64_t item = number % kDemandItems;
  const auto own = series_.block(2 * number), more = series_.block(2 * number + 1);
  const auto of_item = items_.block(2 * item), of_item_too = items_.block(2 * item + 1);
  Series series;
  series.number = number;
  series.intermittent = open_unit(own[0]) < options_.intermittent;
  const double size = 0.7 * normal_of(of_item[0]) + 0.4 * normal_of(stores_.u32(number / kDemandItems)) + 0.2 * normal_of(own[1]);
  series.level = (series.intermittent ? 1 : 20) * core::portable_exp(size);
  series.occurs = series.intermittent ? 0.05 + 0.35 * open_unit(own[2]) : 1;
  series.growth = 0.08 * options_.trend * normal_of(of_item[1]);
  series.week = options_.season * (0.5 + open_unit(own[3]));
  series.year = options_.season * 0.4 * open_unit(of_item[2]);
  series.phase = open_unit(of_item[3]);
  series.lift = options_.promotion * (0.3 + 0.7 * open_unit(of_item_too[0]));
  series.offset = static_cast<int64_t>(below_of(more[0], kDemandKnotDays));
  return series;
}

bool DemandLaw::promotion(const Series& series, int64_t day) const {
  const auto week = static_cast<uint64_t>((day + kDemandFirstWeekday) / 7);
  return open_unit(promotions_.u32(series.number * (kDemandDays / 7 + 2) + week)) < 0.1;
}

double DemandLaw::knot(const Series& series, int64_t number) const {
  return normal_of(knots_.u32(series.number * (kDemandDays / kDemandKnotDays + 3) + static_cast<uint64_t>(number)));
}

double DemandLaw::mean(const Series& series, int64_t day) const {
  const double years = static_cast<double>(day) / 365.25;
  double mean = series.level * (1 + series.week * kDemandWeek[static_cast<std::size_t>((day + kDemandFirstWeekday) % 7)]);
  mean *= 1 + series.year * core::portable_cos_turns(years - series.phase);
  if (promotion(series, day)) mean *= 1 + series.lift;
  double log_factor = series.growth * years / (1 + years / 10);
  if (options_.wander > 0) {
    const int64_t from = (day + series.offset) / kDemandKnotDays;
    const double part = static_cast<double>((day + series.offset) % kDemandKnotDays) / static_cast<double>(kDemandKnotDays);
    log_factor += options_.wander * ((1 - part) * knot(series, from) + part * knot(series, from + 1));
  }
  return mean * core::portable_exp(log_factor);
}

DemandLaw::Day DemandLaw::day(const Series& series, int64_t number) const {
  const auto words = days_.block(series.number * kDemandDays + static_cast<uint64_t>(number));
  Day day;
  day.promotion = promotion(series, number);
  day.mean = mean(series, number);
  day.shown = open_unit(words[3]) >= options_.missing;
  if (open_unit(words[2]) >= series.occurs) return day;
  const double size = day.mean / series.occurs;
  const double variance = core::portable_log(1 + 1 / size + kDemandDispersion);
  const double noise = core::portable_exp(std::sqrt(variance) * normal_of(words[0]) - variance / 2);
  day.sold = std::floor(size * noise + open_unit(words[1]));
  return day;
}

void DemandOptions::describe(core::Describe<DemandOptions>& d) {
  using O = DemandOptions;
  d.field("series", &O::series, "series: 50 items in each store").min(1).max(kMostSynthIds);
  d.field("lookback", &O::lookback, "days before the origin").min(1).max(4000).unit("days");
  d.field("horizon", &O::horizon, "days to forecast").min(1).max(1000).unit("days");
  d.field("stride", &O::stride, "days from one origin to the next").min(1).max(1000).unit("days");
  d.field("intermittent", &O::intermittent, "share of series that sell on few days only").min(0).max(1);
  d.field("trend", &O::trend, "strength of the items' trends").min(0).max(5);
  d.field("season", &O::season, "strength of week and year").min(0).max(1);
  d.field("promotion", &O::promotion, "strength of promotions").min(0).max(10);
  d.field("wander", &O::wander, "standard deviation of the slow change of the log of the level").min(0).max(2);
  d.field("missing", &O::missing, "share of missing values in the history").min(0).max(1);
}

Generator demand_generator() {
  return {"windows of daily demand series with trend, seasons, promotions and intermittent series; truth: expected demand",
          &core::Schema::of<DemandOptions>(),
          50'000,
          demand_schema,
          demand_filler,
          demand_most_rows};
}

}  // namespace cohort::datasets
