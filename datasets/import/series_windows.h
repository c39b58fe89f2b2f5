// The rows of a dataset of windows: its columns, and how they are cut from the points.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/import/series_points.h"
#include "datasets/store/row_block.h"

namespace cohort::datasets {

/// What a window holds besides its ids and its origin.
struct WindowColumns {
  bool split = false;
  bool label = false;
  std::size_t label_value = 0;  ///< which value
  int64_t label_step = 0;       ///< 0: over the whole horizon
  bool label_mean = false;      ///< of the whole horizon: its mean, else its sum
  std::string label_name;
  std::vector<std::size_t> targets;   ///< values whose horizon is stored, not as a feature
  std::vector<std::size_t> known;     ///< values whose horizon is a feature
  std::vector<std::size_t> calendar;  ///< numbers of fields
  bool cyclic = false, calendar_origin = false, calendar_horizon = false;
};

/// Columns in this order: ids, origin, split, label, the calendar of the origin, the history of every value, the targets NAME_next, the
/// known values NAME_next, the calendar FIELD_next. `rows` is the schema of the imported rows.
Schema window_schema(const Schema& rows, const SeriesColumns& columns, const WindowColumns& content);

/// Cuts windows. Thread-safe.
class WindowCutter {
 public:
  /// All must outlive it.
  WindowCutter(const SeriesPoints& points, const WindowShape& shape, std::size_t ids, const WindowColumns& content, const Schema& schema);

  uint64_t windows() const { return ends_.empty() ? 0 : ends_.back(); }
  /// Bytes of a window's values.
  uint64_t bytes() const;
  /// Windows [first, first + count), in place of what `out` held.
  void read(uint64_t first, uint64_t count, RowBlock& out) const;

 private:
  struct Span;
  void add(const Span& span, RowBlock& out) const;
  void add_calendar(const Span& span, const std::vector<int64_t>& times, bool horizon, RowBlock& out, std::size_t& c) const;

  const SeriesPoints& points_;
  const WindowShape& shape_;
  std::size_t ids_;
  const WindowColumns& content_;
  const Schema& schema_;
  std::vector<uint64_t> ends_;                       ///< windows up to and with each stretch
  std::vector<std::vector<float>> sines_, cosines_;  ///< by calendar field and value
};

}  // namespace cohort::datasets
