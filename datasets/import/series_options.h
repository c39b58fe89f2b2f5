// The options of the format `series`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/options.h"
#include "datasets/import/import_options.h"

namespace cohort::datasets {

/// The `[label]` table: one number a window.
struct SeriesLabelOptions {
  std::string channel;
  int64_t step = 1;           ///< of the horizon, from 1
  std::string take = "step";  ///< step, sum, mean
  std::string name = "label";
  static void describe(core::Describe<SeriesLabelOptions>& d);
};

/// The `[borders]` table: times that part a series into train, valid and test.
struct SeriesBorderOptions {
  std::string train_until, valid_until, test_until;  ///< written as the time column is
  static void describe(core::Describe<SeriesBorderOptions>& d);
};

/// The `[calendar]` table.
struct SeriesCalendarOptions {
  std::vector<std::string> fields;
  std::string encoding = "categorical";  ///< categorical, cyclic
  bool origin = true, horizon = true;
  static void describe(core::Describe<SeriesCalendarOptions>& d);
};

struct SeriesOptions : ImportOptions {
  std::string time;
  std::string time_format;
  std::string step;
  std::vector<std::string> ids, channels, known, targets;
  bool target_sequences = true;
  int64_t look_back = 0, horizon = 0, stride = 1;
  std::string gaps = "fail";      ///< fail, skip, forward, zero, interpolate
  int64_t max_gap = 0;            ///< 0: any length
  std::string repeated = "fail";  ///< fail, first, sum
  std::optional<SeriesLabelOptions> label;
  std::optional<SeriesBorderOptions> borders;
  SeriesCalendarOptions calendar;
  static void describe(core::Describe<SeriesOptions>& d);
};

/// Says what each column of the input is for in the words of a CSV import: `columns` and `drop` are filled, `channels` and `targets`
/// completed. `names` are the input's columns, joined ones included. Mistakes go to `diagnostics`.
void complete_series_options(SeriesOptions& options, const std::vector<std::string>& names, core::Diagnostics& diagnostics);

}  // namespace cohort::datasets
