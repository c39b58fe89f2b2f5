#include "datasets/inspect/chart.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "core/utf8.h"
#include "datasets/inspect/inspect_words.h"
#include "datasets/io/time_format.h"

namespace cohort::datasets {
namespace {

// Units of the drawing; the page scales it.
constexpr double kWidth = 560, kLeft = 52, kRight = 12, kTopSpace = 16, kBarsHigh = 120, kAxisHigh = 22, kRatesHigh = 74;
constexpr uint64_t kLeastLabelled = 5;  // fewer rows have no rate worth drawing

std::string share_text(double share) { return fmt::format("{:.1f} %", 100 * share); }

/// About `count` round numbers from 0 (or a round number above `low`) to `high`.
std::vector<double> round_ticks(double low, double high, int count) {
  std::vector<double> ticks;
  if (!(high > low)) return ticks;
  const double raw = (high - low) / count, power = std::pow(10, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw * (1 - 1e-9)) {
      step = factor * power;
      break;
    }
  }
  for (double tick = std::ceil(low / step - 1e-9) * step; tick <= high + step * 1e-9 && ticks.size() < 20; tick += step) ticks.push_back(std::abs(tick) < step * 1e-9 ? 0 : tick);
  return ticks;
}

/// Values to positions on the horizontal axis.
class Axis {
 public:
  explicit Axis(const Histogram& histogram) : histogram_(histogram), low_(mapped(histogram.edges.front())), high_(mapped(histogram.edges.back())) {}

  double operator()(double value) const { return kLeft + (mapped(value) - low_) / (high_ - low_) * (kWidth - kLeft - kRight); }

  std::vector<double> ticks() const {
    const double first = histogram_.edges.front(), last = histogram_.edges.back();
    if (histogram_.scale == Scale::kPeriods) {
      const std::size_t every = std::max<std::size_t>(1, (histogram_.edges.size() + 5) / 6);
      std::vector<double> ticks;
      for (std::size_t i = 0; i + 1 < histogram_.edges.size(); i += every) ticks.push_back(histogram_.edges[i]);
      return ticks;
    }
    if (histogram_.scale != Scale::kLog) {
      std::vector<double> ticks = round_ticks(first, last, 6);
      if (histogram_.scale == Scale::kWhole) std::erase_if(ticks, [](double tick) { return std::floor(tick) != tick; });
      return ticks;
    }
    std::vector<double> ticks;
    for (double size = 1e15 * std::pow(10, std::ceil(std::log10(histogram_.unit))); size >= histogram_.unit * 0.99; size /= 10) add_apart(-size, ticks);
    add_apart(0, ticks);
    for (double size = histogram_.unit; size <= last; size *= 10) add_apart(size, ticks);
    return ticks;
  }

 private:
  double mapped(double value) const { return histogram_.scale == Scale::kLog ? std::asinh(value / histogram_.unit) : value; }
  /// Only what lies on the axis, and far enough from the tick before it to be read.
  void add_apart(double value, std::vector<double>& ticks) const {
    if (value < histogram_.edges.front() || value > histogram_.edges.back()) return;
    if (!ticks.empty() && (*this)(value) - (*this)(ticks.back()) < 52) return;
    ticks.push_back(value);
  }

  const Histogram& histogram_;
  double low_, high_;
};

/// Wilson's interval of a share at 95 %.
std::pair<double, double> wilson(uint64_t hits, uint64_t rows) {
  const double z = 1.959963984540054, n = static_cast<double>(rows), p = static_cast<double>(hits) / n;
  const double middle = (p + z * z / (2 * n)) / (1 + z * z / n), half = z / (1 + z * z / n) * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  return {std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

double rate_of(const LabelSample& label, const LabelTally& tally, std::size_t shown) {
  const auto n = static_cast<double>(tally.rows);
  return label.is_number() ? tally.sum / n : static_cast<double>(tally.classes[shown]) / n;
}

/// The interval drawn about a rate: Wilson's of a class, two standard errors of a mean.
std::pair<double, double> interval_of(const LabelSample& label, const LabelTally& tally, std::size_t shown) {
  if (!label.is_number()) return wilson(tally.classes[shown], tally.rows);
  const double n = static_cast<double>(tally.rows), mean = tally.sum / n;
  const double half = 2 * std::sqrt(std::max(0.0, tally.squares / n - mean * mean) / n);
  return {mean - half, mean + half};
}

/// The vertical axis of the label's rates: from 0 for shares, about the means for numbers.
struct RateScale {
  double low = 0, high = 0;

  RateScale(const LabelSample& label, const std::vector<LabelTally>& tallies) {
    bool first = true;
    for (const LabelTally& tally : tallies) {
      if (tally.rows < kLeastLabelled) continue;
      for (std::size_t shown = 0; shown < std::max<std::size_t>(1, label.shown.size()); ++shown) {
        const double rate = rate_of(label, tally, shown);
        // A wide interval of few rows doesn't set the scale.
        const auto [from, to] = tally.rows < 50 ? std::pair(rate, rate) : interval_of(label, tally, shown);
        low = first && label.is_number() ? from : std::min(low, from);
        high = first ? to : std::max(high, to);
        first = false;
      }
    }
    if (!label.is_number()) low = 0, high = std::min(1.0, high * 1.08);
    if (high <= low) high = low + (label.is_number() ? 1 : 0.01);
  }
  double share(double rate) const { return std::clamp((rate - low) / (high - low), 0.0, 1.0); }
};

std::string rate_text(const LabelSample& label, double rate) { return label.is_number() ? brief_number(rate) : fmt::format("{:.3g} %", 100 * rate); }

void draw_rates(const LabelSample& label, const Histogram& histogram, const Axis& axis, double top, std::string& svg) {
  std::vector<LabelTally> tallies = histogram.labels;
  tallies.push_back(label.all);
  const RateScale scale(label, tallies);
  const double bottom = top + kRatesHigh;
  const auto at = [&](double rate) { return bottom - scale.share(rate) * (kRatesHigh - 14); };
  svg += fmt::format("<text class='title' x='{}' y='{:.1f}'>{}</text>", kLeft, top + 4,
                     escape_html(label.is_number()             ? "mean of " + shortened(label.name, 40)
                                 : label.shown.size() == 1 ? shortened(label.name, 30) + " = " + shortened(label.shown[0], 20) + ", share with 95 % interval"
                                                           : "classes of " + shortened(label.name, 30) + ", shares"));
  for (const double tick : round_ticks(scale.low, scale.high, 3)) {
    svg += fmt::format("<line class='grid' x1='{}' x2='{}' y1='{:.1f}' y2='{:.1f}'/><text class='tick' x='{}' y='{:.1f}' text-anchor='end'>{}</text>", kLeft,
                       kWidth - kRight, at(tick), at(tick), kLeft - 6, at(tick) + 3.5, rate_text(label, tick));
  }
  for (std::size_t shown = 0; shown < std::max<std::size_t>(1, label.shown.size()); ++shown) {
    if (label.shown.size() <= 1) {
      const double overall = at(rate_of(label, label.all, shown));
      svg += fmt::format("<line class='overall' x1='{}' x2='{}' y1='{:.1f}' y2='{:.1f}'/>", kLeft, kWidth - kRight, overall, overall);
    }
    std::string line, marks;
    for (std::size_t bin = 0; bin < histogram.labels.size(); ++bin) {
      const LabelTally& tally = histogram.labels[bin];
      if (tally.rows < kLeastLabelled) continue;
      const double x = (axis(histogram.edges[bin]) + axis(histogram.edges[bin + 1])) / 2, rate = rate_of(label, tally, shown), y = at(rate);
      const auto [from, to] = interval_of(label, tally, shown);
      line += fmt::format("{}{:.1f},{:.1f}", line.empty() ? "" : " ", x, y);
      if (label.shown.size() <= 1) marks += fmt::format("<line class='whisker' x1='{:.1f}' x2='{:.1f}' y1='{:.1f}' y2='{:.1f}'/>", x, x, at(from), at(to));
      marks += fmt::format("<circle class='dot c{}' cx='{:.1f}' cy='{:.1f}' r='2.6'><title>{} to {}: {}, {} rows</title></circle>", shown, x, y,
                           escape_html(edge_text(histogram, histogram.edges[bin])), escape_html(edge_text(histogram, histogram.edges[bin + 1])),
                           rate_text(label, rate), thousands(tally.rows));
    }
    svg += fmt::format("<polyline class='line c{}' points='{}'/>", shown, line) + marks;
  }
}

/// What a screen reader says instead of the chart.
std::string spoken(const ColumnReport& column, const Histogram& histogram) {
  const auto most = static_cast<std::size_t>(std::max_element(histogram.rows.begin(), histogram.rows.end()) - histogram.rows.begin());
  return fmt::format("Histogram of {}: {} bins from {} to {}; most rows ({}) lie from {} to {}. The figures follow as a table.", column.name, histogram.rows.size(),
                     edge_text(histogram, histogram.edges.front()), edge_text(histogram, histogram.edges.back()), thousands(histogram.rows[most]),
                     edge_text(histogram, histogram.edges[most]), edge_text(histogram, histogram.edges[most + 1]));
}

/// The width of text in characters of Latin script: those of Chinese take two.
std::size_t wide_length(const std::string& text) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xC0) != 0x80) length += byte >= 0xE3 ? 2 : 1;
  }
  return length;
}

std::string cut_wide(const std::string& text, std::size_t length) {
  std::string shown = shortened(text, length);
  for (std::size_t characters = length; wide_length(shown) > length && characters > 1; --characters) shown = shortened(text, characters);
  return shown;
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      case '\'': escaped += "&#39;"; break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) escaped += c;
        else if (c == '\n' || c == '\t') escaped += ' ';
        else escaped += "\xEF\xBF\xBD";  // U+FFFD
    }
  }
  return escaped;
}

std::string edge_text(const Histogram& histogram, double edge) {
  if (histogram.scale != Scale::kPeriods) return brief_number(edge);
  const std::string text = time_text(static_cast<int64_t>(edge));
  if (histogram.period == "year") return text.substr(0, 4);
  if (histogram.period == "month" || histogram.period == "quarter") return text.substr(0, 7);
  if (histogram.period == "week" || histogram.period == "day") return text.substr(0, 10);
  return text.substr(0, 16);
}

std::string label_text(const LabelSample& label, const LabelTally& tally, std::size_t shown) {
  if (tally.rows == 0) return "";
  return label.is_number() ? brief_number(rate_of(label, tally, shown)) : share_text(rate_of(label, tally, shown));
}

std::string histogram_chart(const DatasetReport& dataset, const ColumnReport& column, const Histogram& histogram) {
  const bool rates = !histogram.labels.empty();
  const double height = kTopSpace + kBarsHigh + kAxisHigh + (rates ? kRatesHigh + 20 : 0), base = kTopSpace + kBarsHigh;
  const Axis axis(histogram);
  const auto most = static_cast<double>(std::max<uint64_t>(1, *std::max_element(histogram.rows.begin(), histogram.rows.end())));
  std::string svg = fmt::format("<svg viewBox='0 0 {} {:.0f}' role='img' aria-label=\"{}\">", kWidth, height, escape_html(spoken(column, histogram)));
  for (const double tick : round_ticks(0, most, 4)) {
    const double y = base - tick / most * kBarsHigh;
    svg += fmt::format("<line class='grid' x1='{}' x2='{}' y1='{:.1f}' y2='{:.1f}'/><text class='tick' x='{}' y='{:.1f}' text-anchor='end'>{}</text>", kLeft,
                       kWidth - kRight, y, y, kLeft - 6, y + 3.5, most >= 1e6 ? brief_number(tick) : thousands(static_cast<uint64_t>(tick)));
  }
  for (std::size_t bin = 0; bin < histogram.rows.size(); ++bin) {
    const double from = axis(histogram.edges[bin]), to = axis(histogram.edges[bin + 1]);
    double high = static_cast<double>(histogram.rows[bin]) / most * kBarsHigh;
    if (histogram.rows[bin] > 0) high = std::max(high, 1.0);  // one row is to be seen
    const double gap = to - from > 4 ? 1 : 0;
    svg += fmt::format("<rect class='bar' x='{:.1f}' y='{:.1f}' width='{:.1f}' height='{:.1f}'><title>{} to {}: {} rows</title></rect>", from, base - high,
                       std::max(0.5, to - from - gap), high, escape_html(edge_text(histogram, histogram.edges[bin])),
                       escape_html(edge_text(histogram, histogram.edges[bin + 1])), thousands(histogram.rows[bin]));
  }
  svg += fmt::format("<line class='axis' x1='{}' x2='{}' y1='{}' y2='{}'/>", kLeft, kWidth - kRight, base, base);
  for (const double tick : axis.ticks()) {
    const double x = axis(tick);
    const char* anchor = x < kLeft + 20 ? "start" : x > kWidth - kRight - 20 ? "end" : "middle";
    svg += fmt::format("<line class='axis' x1='{:.1f}' x2='{:.1f}' y1='{}' y2='{}'/><text class='tick' x='{:.1f}' y='{}' text-anchor='{}'>{}</text>", x, x, base,
                       base + 4, x, base + 16, anchor, escape_html(edge_text(histogram, tick)));
  }
  if (histogram.below > 0) svg += fmt::format("<text class='beyond' x='{}' y='11'>◂ {} rows below</text>", kLeft, thousands(histogram.below));
  if (histogram.above > 0) svg += fmt::format("<text class='beyond' x='{}' y='11' text-anchor='end'>{} rows above ▸</text>", kWidth - kRight, thousands(histogram.above));
  if (rates) draw_rates(dataset.label, histogram, axis, base + kAxisHigh + 14, svg);
  return svg + "</svg>";
}

std::string category_chart(const DatasetReport& dataset, const ColumnReport& column) {
  struct Line {
    std::string text;
    const CategoryBar* bar;
    const char* kind;
  };
  std::vector<Line> lines;
  for (const CategoryBar& bar : column.bars) lines.push_back({bar.value, &bar, "bar"});
  const bool elements = column.kind == Kind::kSequence;
  const uint64_t others = column.distinct - std::min<uint64_t>(column.distinct, column.bars.size());
  if (column.rest.rows > 0) lines.push_back({fmt::format("{} other values", thousands(others)), &column.rest, "bar pooled"});
  if (column.missing > 0 && !elements) lines.push_back({"missing", &column.without, "bar absent"});
  uint64_t total = elements ? column.rest.rows : dataset.rows, most = 1;
  for (const Line& line : lines) most = std::max(most, line.bar->rows);
  if (elements) {
    for (const CategoryBar& bar : column.bars) total += bar.rows;
  }
  const LabelSample& label = dataset.label;
  std::vector<LabelTally> tallies;
  for (const Line& line : lines) {
    if (line.bar->label.rows > 0) tallies.push_back(line.bar->label);
  }
  const bool rates = !tallies.empty();
  constexpr double kLine = 20, kNames = 150, kFigures = 108;
  const double rates_from = kWidth - 130, bars_to = (rates ? rates_from - 16 : kWidth) - kFigures, top = rates ? 20 : 4;
  tallies.push_back(label.all);
  const RateScale scale(label, tallies);
  const auto across = [&](double rate) { return rates_from + scale.share(rate) * (kWidth - kRight - rates_from); };
  std::string svg = fmt::format("<svg viewBox='0 0 {} {:.0f}' role='img' aria-label=\"{}\">", kWidth, top + kLine * static_cast<double>(lines.size()) + 4,
                                escape_html(fmt::format("{} of {}; most frequent is {} with {}. The figures follow as a table.",
                                                        elements ? "Elements" : "Values", column.name, lines.empty() ? "none" : lines[0].text,
                                                        lines.empty() ? "0" : thousands(lines[0].bar->rows))));
  if (rates) {
    const std::string title = label.is_number() ? "mean of " + label.name : label.shown.size() == 1 ? label.name + " = " + label.shown[0] : "classes of " + label.name;
    svg += fmt::format("<text class='title' x='{}' y='11' text-anchor='end'>{}</text>", kWidth - kRight, escape_html(cut_wide(title, 24)));
    if (label.shown.size() <= 1) {
      const double x = across(rate_of(label, label.all, 0));
      svg += fmt::format("<line class='overall' x1='{:.1f}' x2='{:.1f}' y1='{}' y2='{:.1f}'/>", x, x, top, top + kLine * static_cast<double>(lines.size()));
    }
  }
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const Line& line = lines[i];
    const double y = top + kLine * static_cast<double>(i), middle = y + kLine / 2;
    const double width = std::max(line.bar->rows > 0 ? 1.0 : 0.0, static_cast<double>(line.bar->rows) / static_cast<double>(most) * (bars_to - kNames - 8));
    const std::string name = line.bar == &column.rest || line.bar == &column.without ? line.text : line.text.empty() ? "\"\"" : line.text;
    svg += fmt::format("<text class='name' x='{}' y='{:.1f}' text-anchor='end'>{}<title>{}</title></text>", kNames, middle + 4, escape_html(cut_wide(name, 23)),
                       escape_html(name));
    svg += fmt::format("<rect class='{}' x='{}' y='{:.1f}' width='{:.1f}' height='{}'/>", line.kind, kNames + 8, y + 3, width, kLine - 6);
    svg += fmt::format("<text class='tick' x='{:.1f}' y='{:.1f}'>{} · {}</text>", kNames + 8 + width + 6, middle + 4, thousands(line.bar->rows), percent(line.bar->rows, total));
    const LabelTally& tally = line.bar->label;
    for (std::size_t shown = 0; rates && tally.rows >= kLeastLabelled && shown < std::max<std::size_t>(1, label.shown.size()); ++shown) {
      const double rate = rate_of(label, tally, shown);
      const auto [from, to] = interval_of(label, tally, shown);
      if (label.shown.size() <= 1)
        svg += fmt::format("<line class='whisker' x1='{:.1f}' x2='{:.1f}' y1='{:.1f}' y2='{:.1f}'/>", across(from), across(to), middle, middle);
      svg += fmt::format("<circle class='dot c{}' cx='{:.1f}' cy='{:.1f}' r='3'><title>{}</title></circle>", shown, across(rate), middle, rate_text(label, rate));
    }
  }
  return svg + "</svg>";
}

std::string small_chart(const ColumnReport& column) {
  std::vector<double> heights;
  if (!column.histograms.empty()) {
    for (const uint64_t rows : column.histograms.back().rows) heights.push_back(static_cast<double>(rows));
  } else {
    for (const CategoryBar& bar : column.bars) heights.push_back(static_cast<double>(bar.rows));
    if (column.rest.rows > 0 && !column.bars.empty()) heights.push_back(static_cast<double>(column.rest.rows));
  }
  if (heights.empty()) return "";
  const double most = std::max(1.0, *std::max_element(heights.begin(), heights.end())), step = 120.0 / static_cast<double>(heights.size());
  std::string svg = "<svg class='small' viewBox='0 0 120 24' aria-hidden='true'>";
  for (std::size_t i = 0; i < heights.size(); ++i) {
    const double high = heights[i] == 0 ? 0 : std::max(0.8, heights[i] / most * 23);
    svg += fmt::format("<rect class='bar' x='{:.1f}' y='{:.1f}' width='{:.1f}' height='{:.1f}'/>", static_cast<double>(i) * step, 24 - high, std::max(0.5, step - 0.6), high);
  }
  return svg + "</svg>";
}

}  // namespace cohort::datasets
