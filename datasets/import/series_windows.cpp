#include "datasets/import/series_windows.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "datasets/import/calendar_fields.h"

namespace cohort::datasets {
namespace {

constexpr uint64_t kSpanPoints = uint64_t{1} << 18;

Column number_column(const std::string& name, Kind kind) {
  Column column;
  column.name = name;
  column.kind = kind;
  column.dtype = DType::kFloat32;
  return column;
}

/// The column or columns of a calendar field.
void add_calendar_columns(Schema& schema, std::size_t number, bool cyclic, bool horizon) {
  const CalendarField& field = calendar_fields()[number];
  const std::string name = field.name + (horizon ? "_next" : "");
  if (cyclic && field.cyclic) {
    for (const char* end : {"_sin", "_cos"}) schema.columns.push_back(number_column(name + end, horizon ? Kind::kSequence : Kind::kDense));
    return;
  }
  Column column;
  column.name = name;
  column.kind = horizon ? Kind::kSequence : Kind::kCategorical;
  column.of = horizon ? Kind::kCategorical : Kind::kDense;
  column.dtype = DType::kInt64;
  for (int value = field.first; value <= field.last; ++value) column.dictionary.integers.push_back(value);
  schema.columns.push_back(std::move(column));
}

}  // namespace

Schema window_schema(const Schema& rows, const SeriesColumns& columns, const WindowColumns& content) {
  Schema schema;
  for (const std::size_t c : columns.ids) schema.columns.push_back(rows.columns[c]);
  Column origin;
  origin.name = "origin";
  origin.kind = Kind::kTime;
  origin.dtype = DType::kInt64;
  schema.columns.push_back(std::move(origin));
  if (content.split) {
    Column split;
    split.name = "split";
    split.kind = Kind::kCategorical;
    split.dtype = DType::kString;
    split.feature = false;
    split.dictionary.strings = {"test", "train", "valid"};
    schema.columns.push_back(std::move(split));
  }
  if (content.label) schema.columns.push_back(number_column(content.label_name, Kind::kLabel));
  for (std::size_t i = 0; content.calendar_origin && i < content.calendar.size(); ++i)
    add_calendar_columns(schema, content.calendar[i], content.cyclic, false);
  const auto add_sequence = [&](std::size_t value, const std::string& end, bool feature) {
    const Column& source = rows.columns[columns.values[value]];
    Column column = number_column(source.name + end, Kind::kSequence);
    column.feature = feature;
    schema.columns.push_back(std::move(column));
  };
  for (std::size_t v = 0; v < columns.values.size(); ++v) add_sequence(v, "", true);
  for (const std::size_t v : content.targets) add_sequence(v, "_next", false);
  for (const std::size_t v : content.known) add_sequence(v, "_next", true);
  for (std::size_t i = 0; content.calendar_horizon && i < content.calendar.size(); ++i)
    add_calendar_columns(schema, content.calendar[i], content.cyclic, true);
  return schema;
}

/// Windows of one stretch, and the points that they lie in.
struct WindowCutter::Span {
  uint64_t base = 0;  ///< first point
  uint64_t points = 0;
  uint64_t windows = 0;
  int32_t split = -1;
};

WindowCutter::WindowCutter(const SeriesPoints& points, const WindowShape& shape, std::size_t ids, const WindowColumns& content,
                           const Schema& schema)
    : points_(points), shape_(shape), ids_(ids), content_(content), schema_(schema) {
  uint64_t end = 0;
  for (const WindowStretch& stretch : points.stretches) ends_.push_back(end += stretch.count);
  for (const CalendarField& field : calendar_fields()) {
    sines_.emplace_back();
    cosines_.emplace_back();
    const int values = field.last - field.first + 1;
    for (int i = 0; i < values; ++i) {
      const double angle = 2 * std::numbers::pi * i / values;
      sines_.back().push_back(static_cast<float>(std::sin(angle)));
      cosines_.back().push_back(static_cast<float>(std::cos(angle)));
    }
  }
}

uint64_t WindowCutter::bytes() const {
  RowBlock block;
  if (windows() > 0) read(0, 1, block);
  uint64_t sum = 0;
  for (std::size_t c = 0; c < block.columns.size(); ++c) {
    sum += values_of(schema_.columns[c], block.columns[c]).size() + block.columns[c].ends.size() * sizeof(int64_t);
  }
  return sum;
}

void WindowCutter::read(uint64_t first, uint64_t count, RowBlock& out) const {
  out.row.clear();
  out.columns.resize(schema_.columns.size());
  for (std::size_t c = 0; c < schema_.columns.size(); ++c) truncate(schema_.columns[c], out.columns[c], 0);
  const auto length = static_cast<uint64_t>(shape_.look_back + shape_.horizon), stride = static_cast<uint64_t>(shape_.stride);
  const uint64_t most = length >= kSpanPoints ? 1 : 1 + (kSpanPoints - length) / stride;
  auto at = static_cast<std::size_t>(std::upper_bound(ends_.begin(), ends_.end(), first) - ends_.begin());
  for (uint64_t window = first; window < first + count;) {
    const WindowStretch& stretch = points_.stretches[at];
    const uint64_t inside = window - (ends_[at] - stretch.count);
    Span span;
    span.windows = std::min({stretch.count - inside, first + count - window, most});
    span.base = stretch.origin + inside * stride - static_cast<uint64_t>(shape_.look_back - 1);
    span.points = (span.windows - 1) * stride + length;
    span.split = stretch.split;
    for (uint64_t i = 0; i < span.windows; ++i) out.row.push_back(window + i);
    add(span, out);
    window += span.windows;
    if (window == ends_[at]) ++at;
  }
}

void WindowCutter::add(const Span& span, RowBlock& out) const {
  const auto look_back = static_cast<std::size_t>(shape_.look_back), horizon = static_cast<std::size_t>(shape_.horizon),
             stride = static_cast<std::size_t>(shape_.stride);
  std::size_t c = 0;
  ColumnBlock read;
  for (std::size_t id = 0; id < ids_; ++id) {
    points_.rows->read_column(1 + id, span.base, 1, read);
    out.columns[c].ints.insert(out.columns[c].ints.end(), span.windows, read.ints[0]);
    ++c;
  }
  ColumnBlock times;
  points_.rows->read_column(0, span.base, span.points, times);
  for (std::size_t i = 0; i < span.windows; ++i) out.columns[c].longs.push_back(times.longs[i * stride + look_back - 1]);
  ++c;
  if (content_.split) {
    out.columns[c].ints.insert(out.columns[c].ints.end(), span.windows, span.split);
    ++c;
  }
  const std::size_t values = points_.schema.columns.size() - 1 - ids_;
  std::vector<ColumnBlock> blocks(values);
  for (std::size_t v = 0; v < values; ++v) points_.rows->read_column(1 + ids_ + v, span.base, span.points, blocks[v]);
  if (content_.label) {
    const std::vector<float>& from = blocks[content_.label_value].floats;
    for (std::size_t i = 0; i < span.windows; ++i) {
      const float* const next = from.data() + i * stride + look_back;
      if (content_.label_step > 0) {
        out.columns[c].floats.push_back(next[content_.label_step - 1]);
        continue;
      }
      double sum = 0;
      for (std::size_t k = 0; k < horizon; ++k) sum += next[k];
      out.columns[c].floats.push_back(static_cast<float>(content_.label_mean ? sum / static_cast<double>(horizon) : sum));
    }
    ++c;
  }
  if (content_.calendar_origin) add_calendar(span, times.longs, false, out, c);
  const auto add_values = [&](const std::vector<float>& from, std::size_t begin, std::size_t length) {
    ColumnBlock& to = out.columns[c++];
    for (std::size_t i = 0; i < span.windows; ++i) {
      const float* const start = from.data() + i * stride + begin;
      to.floats.insert(to.floats.end(), start, start + length);
      to.ends.push_back(static_cast<int64_t>(to.floats.size()));
    }
  };
  for (std::size_t v = 0; v < values; ++v) add_values(blocks[v].floats, 0, look_back);
  for (const std::size_t v : content_.targets) add_values(blocks[v].floats, look_back, horizon);
  for (const std::size_t v : content_.known) add_values(blocks[v].floats, look_back, horizon);
  if (content_.calendar_horizon) add_calendar(span, times.longs, true, out, c);
}

void WindowCutter::add_calendar(const Span& span, const std::vector<int64_t>& times, bool horizon, RowBlock& out, std::size_t& c) const {
  const std::size_t begin = static_cast<std::size_t>(shape_.look_back) - (horizon ? 0 : 1),
                    length = horizon ? static_cast<std::size_t>(shape_.horizon) : 1;
  for (const std::size_t field : content_.calendar) {
    const bool cyclic = content_.cyclic && calendar_fields()[field].cyclic;
    std::vector<int32_t> codes(times.size());
    for (std::size_t i = 0; i < times.size(); ++i) codes[i] = calendar_value(field, times[i]) - calendar_fields()[field].first;
    for (std::size_t i = 0; i < span.windows; ++i) {
      for (std::size_t k = 0; k < length; ++k) {
        const int32_t code = codes[i * static_cast<std::size_t>(shape_.stride) + begin + k];
        if (cyclic) {
          out.columns[c].floats.push_back(sines_[field][static_cast<std::size_t>(code)]);
          out.columns[c + 1].floats.push_back(cosines_[field][static_cast<std::size_t>(code)]);
        } else {
          out.columns[c].ints.push_back(code);
        }
      }
      for (std::size_t k = 0; horizon && k < (cyclic ? 2u : 1u); ++k) {
        ColumnBlock& column = out.columns[c + k];
        column.ends.push_back(static_cast<int64_t>(cyclic ? column.floats.size() : column.ints.size()));
      }
    }
    c += cyclic ? 2 : 1;
  }
}

}  // namespace cohort::datasets
