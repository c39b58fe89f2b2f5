#include "datasets/inspect/distribution.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "datasets/store/element.h"

namespace cohort::datasets {
namespace {

constexpr std::size_t kMostBins = 40;
constexpr std::size_t kFewestBins = 8;
constexpr std::size_t kMostPeriods = 60;
constexpr std::size_t kMostShown = 5;

/// The smallest of 1, 2, 2.5, 5 times a power of ten that isn't below x.
double nice_step(double x) {
  const double power = std::pow(10, std::floor(std::log10(x)));
  for (const double factor : {1.0, 2.0, 2.5, 5.0}) {
    if (factor * power >= x * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

double sorted_quantile(std::span<const double> sorted, double share) {
  const auto index = static_cast<std::size_t>(std::max(0.0, std::ceil(share * static_cast<double>(sorted.size())) - 1));
  return sorted[std::min(index, sorted.size() - 1)];
}

/// Counts values into the bins between edges.
void fill_bins(Histogram& histogram, std::span<const double> values, const LabelSample& label) {
  const std::size_t bins = histogram.edges.size() - 1;
  histogram.rows.assign(bins, 0);
  if (label.known()) histogram.labels.assign(bins, LabelTally{0, std::vector<uint64_t>(label.shown.size(), 0), 0, 0});
  for (std::size_t row = 0; row < values.size(); ++row) {
    const double value = values[row];
    if (std::isnan(value)) continue;
    if (value < histogram.edges.front()) {
      ++histogram.below;
    } else if (value >= histogram.edges.back()) {
      ++histogram.above;
    } else {
      const auto bin = static_cast<std::size_t>(std::upper_bound(histogram.edges.begin(), histogram.edges.end(), value) - histogram.edges.begin()) - 1;
      ++histogram.rows[bin];
      if (label.known()) label.add(row, histogram.labels[bin]);
    }
  }
}

/// As many bins as Freedman & Diaconis ("On the histogram as a density estimator: L2 theory", 1981) give, within bounds.
std::size_t bin_count(std::span<const double> sorted, double low, double high) {
  const double width = 2 * (sorted_quantile(sorted, 0.75) - sorted_quantile(sorted, 0.25)) / std::cbrt(static_cast<double>(sorted.size()));
  if (!(width > 0)) return kMostBins / 2;
  const double bins = (high - low) / width;
  return bins >= static_cast<double>(kMostBins) ? kMostBins : std::max(kFewestBins, static_cast<std::size_t>(bins));
}

Histogram linear(std::span<const double> sorted, double low, double high, bool whole) {
  Histogram histogram;
  double step = nice_step((high - low) / static_cast<double>(bin_count(sorted, low, high)));
  // Steps and edges of whole numbers are set so that each bin holds equally many of them.
  if (whole) step = std::max(1.0, std::ceil(step));
  const double shift = whole ? 0.5 : 0;
  const double start = std::floor(low / step);
  for (std::size_t i = 0; histogram.edges.empty() || histogram.edges.back() <= high; ++i) {
    const double edge = (start + static_cast<double>(i)) * step - shift;
    // A step lost in the digits of the values would never get there.
    if (i > 4 * kMostBins || (!histogram.edges.empty() && edge <= histogram.edges.back())) return {Scale::kLinear, 1, "", {low, std::nextafter(high, INFINITY)}, {}, {}, 0, 0};
    histogram.edges.push_back(edge);
  }
  return histogram;
}

Histogram logarithmic(std::span<const double> sorted, double low, double high) {
  Histogram histogram;
  histogram.scale = Scale::kLog;
  // The unit is a power of ten below most magnitudes, so that zero and small values don't take all the room.
  std::vector<double> sizes;
  for (const double value : sorted) {
    if (value != 0) sizes.push_back(std::abs(value));
  }
  std::sort(sizes.begin(), sizes.end());
  histogram.unit = std::pow(10, std::floor(std::log10(sorted_quantile(sizes, 0.05))));
  const double from = std::asinh(low / histogram.unit), to = std::asinh(high / histogram.unit);
  const std::size_t bins = bin_count(sorted, low, high) < kMostBins / 2 ? kMostBins / 2 : kMostBins;
  for (std::size_t i = 0; i <= bins; ++i) {
    const double edge = histogram.unit * std::sinh(from + (to - from) * static_cast<double>(i) / static_cast<double>(bins));
    if (histogram.edges.empty() || edge > histogram.edges.back()) histogram.edges.push_back(edge);
  }
  // The ends hold the extremes whatever was rounded in between.
  histogram.edges.front() = std::min(histogram.edges.front(), low);
  histogram.edges.back() = std::nextafter(std::max(histogram.edges.back(), high), INFINITY);
  return histogram;
}

constexpr int64_t kSecondsAMinute = 60, kSecondsAnHour = 3600, kSecondsADay = 86400;

/// Days since 1970, rounded towards the past.
std::chrono::sys_days calendar_day(int64_t seconds) { return std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds(std::chrono::seconds(seconds))); }
int64_t seconds_of(std::chrono::sys_days day) { return std::chrono::sys_seconds(day).time_since_epoch().count(); }

int64_t whole_units(int64_t seconds, int64_t unit) { return (seconds >= 0 ? seconds / unit : -((-seconds + unit - 1) / unit)) * unit; }

}  // namespace

void LabelSample::add(std::size_t row, LabelTally& tally) const {
  if (!known()) return;
  if (is_number()) {
    const auto value = static_cast<double>(numbers[row]);
    if (std::isnan(value)) return;
    ++tally.rows;
    tally.sum += value;
    tally.squares += value * value;
    return;
  }
  if (tally.classes.empty()) tally.classes.resize(shown.size());
  ++tally.rows;
  if (class_of[row] >= 0) ++tally.classes[static_cast<std::size_t>(class_of[row])];
}

LabelSample read_label_sample(const Dataset& dataset, const std::string& name, uint64_t stride) {
  LabelSample sample;
  const std::vector<std::string> names = dataset.schema().names(Kind::kLabel);
  if (name.empty() && names.empty()) return sample;
  const Column& column = dataset.schema().at(name.empty() ? names.front() : name);
  if (column.kind != Kind::kLabel) {
    throw core::usage_error("\"" + column.name + "\" is of kind " + to_string(column.kind) + ", not label", "name a label column");
  }
  sample.name = column.name;
  std::vector<int32_t> codes;
  std::vector<int32_t> ints;
  std::vector<float> floats;
  const bool stored_codes = element_of(column) == Element::kInt32;
  for (uint64_t done = 0; done < dataset.rows(); done += dataset.chunk_rows()) {
    const uint64_t count = std::min(dataset.rows() - done, dataset.chunk_rows());
    if (stored_codes) {
      ints.resize(count);
      dataset.read(column, done, std::span(ints));
    } else {
      floats.resize(count);
      dataset.read(column, done, std::span(floats));
    }
    for (uint64_t i = (stride - done % stride) % stride; i < count; i += stride) {
      if (stored_codes) codes.push_back(ints[i]);
      else if (column.classes.empty()) sample.numbers.push_back(floats[i]);
      else codes.push_back(floats[i] >= 0 ? static_cast<int32_t>(floats[i]) : -1);
    }
  }
  if (column.classes.empty()) {
    for (std::size_t i = 0; i < sample.numbers.size(); ++i) sample.add(i, sample.all);
    return sample;
  }
  std::vector<uint64_t> counts(column.classes.size(), 0);
  for (const int32_t code : codes) {
    if (code >= 0 && static_cast<std::size_t>(code) < counts.size()) ++counts[static_cast<std::size_t>(code)];
  }
  std::vector<std::size_t> order(counts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (order.size() == 2) order = {1};
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return counts[a] > counts[b]; });
  order.resize(std::min(order.size(), kMostShown));
  std::vector<int32_t> index(counts.size(), -1);
  for (std::size_t i = 0; i < order.size(); ++i) {
    index[order[i]] = static_cast<int32_t>(i);
    sample.shown.push_back(column.classes[order[i]]);
  }
  for (const int32_t code : codes) sample.class_of.push_back(code >= 0 && static_cast<std::size_t>(code) < index.size() ? index[static_cast<std::size_t>(code)] : -1);
  for (std::size_t i = 0; i < sample.class_of.size(); ++i) sample.add(i, sample.all);
  return sample;
}

std::string to_string(Scale scale) {
  switch (scale) {
    case Scale::kLinear: return "linear";
    case Scale::kLog: return "log";
    case Scale::kWhole: return "whole";
    case Scale::kPeriods: return "periods";
  }
  return "?";
}

std::vector<Histogram> make_histograms(std::span<const double> values, std::span<const double> sorted, const LabelSample& label) {
  // Infinities have no place on an axis: they count as below and above.
  const auto first = std::find_if(sorted.begin(), sorted.end(), [](double x) { return std::isfinite(x); });
  const auto last = std::find_if(sorted.rbegin(), sorted.rend(), [](double x) { return std::isfinite(x); }).base();
  if (first >= last) return {};
  const std::span<const double> finite(first, last);
  const double low = finite.front(), high = finite.back();
  const bool whole = std::all_of(finite.begin(), finite.end(), [](double x) { return std::floor(x) == x && std::abs(x) < 1e15; });
  std::vector<Histogram> histograms;
  if (whole && high - low < static_cast<double>(kMostBins)) {
    Histogram histogram;
    histogram.scale = Scale::kWhole;
    for (double edge = low - 0.5; edge < high + 1; ++edge) histogram.edges.push_back(edge);
    histograms.push_back(std::move(histogram));
  } else if (low == high) {
    const double half = low == 0 ? 0.5 : std::abs(low) * 0.05;
    histograms.push_back({Scale::kLinear, 1, "", {low - half, low + half}, {}, {}, 0, 0});
  } else {
    const double q05 = sorted_quantile(finite, 0.05), q95 = sorted_quantile(finite, 0.95), width = q95 - q05;
    const bool long_tail = std::max(high - q95, q05 - low) > 2 * width;
    double from = low, to = high;
    if (long_tail && width > 0) from = std::max(low, q05 - width), to = std::min(high, q95 + width);
    histograms.push_back(linear(finite, from, to, whole));
    if (long_tail) histograms.push_back(logarithmic(finite, low, high));
  }
  for (Histogram& histogram : histograms) fill_bins(histogram, values, label);
  return histograms;
}

int64_t period_start(int64_t seconds, const std::string& period) {
  using namespace std::chrono;
  if (period == "minute") return whole_units(seconds, kSecondsAMinute);
  if (period == "hour") return whole_units(seconds, kSecondsAnHour);
  const sys_days day = calendar_day(seconds);
  if (period == "day") return seconds_of(day);
  if (period == "week") return seconds_of(day - (weekday(day) - Monday));
  const year_month_day date(day);
  if (period == "month") return seconds_of(date.year() / date.month() / 1);
  if (period == "quarter") return seconds_of(date.year() / month((static_cast<unsigned>(date.month()) - 1) / 3 * 3 + 1) / 1);
  return seconds_of(date.year() / January / 1);
}

int64_t next_period(int64_t start, const std::string& period) {
  using namespace std::chrono;
  if (period == "minute") return start + kSecondsAMinute;
  if (period == "hour") return start + kSecondsAnHour;
  if (period == "day") return start + kSecondsADay;
  if (period == "week") return start + 7 * kSecondsADay;
  const year_month_day date(calendar_day(start));
  const months step(period == "month" ? 1 : period == "quarter" ? 3 : 12);
  return seconds_of(date + step);
}

Histogram make_time_histogram(std::span<const double> values, std::span<const double> sorted, const LabelSample& label) {
  Histogram histogram;
  histogram.scale = Scale::kPeriods;
  if (sorted.empty()) return histogram;
  // Times of the years 1 to 9999 have a calendar.
  const auto bounded = [](double seconds) { return static_cast<int64_t>(std::clamp(seconds, -62135596800.0, 253402300799.0)); };
  // A placeholder such as 9999-12-31 doesn't set the scale.
  const double q01 = sorted_quantile(sorted, 0.01), q99 = sorted_quantile(sorted, 0.99), width = std::max(q99 - q01, 1.0);
  const int64_t first = bounded(std::max(sorted.front(), q01 - width)), last = bounded(std::min(sorted.back(), q99 + width));
  const std::pair<const char*, int64_t> kPeriods[] = {{"minute", kSecondsAMinute}, {"hour", kSecondsAnHour}, {"day", kSecondsADay}, {"week", 7 * kSecondsADay},
                                                      {"month", 30 * kSecondsADay}, {"quarter", 91 * kSecondsADay}, {"year", 365 * kSecondsADay}};
  for (const auto& [period, seconds] : kPeriods) {
    histogram.period = period;
    if (static_cast<std::size_t>((last - first) / seconds) <= kMostPeriods) break;
  }
  for (int64_t edge = period_start(first, histogram.period); histogram.edges.empty() || histogram.edges.back() <= static_cast<double>(last);
       edge = next_period(edge, histogram.period)) {
    histogram.edges.push_back(static_cast<double>(edge));
  }
  if (histogram.edges.size() == 1) histogram.edges.push_back(static_cast<double>(next_period(static_cast<int64_t>(histogram.edges[0]), histogram.period)));
  fill_bins(histogram, values, label);
  return histogram;
}

}  // namespace cohort::datasets
