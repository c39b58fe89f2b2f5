// The options of the format `events`: a transaction log becomes a row a customer.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "datasets/import/import_options.h"

namespace cohort::datasets {

/// A `[[where]]` table: a row passes when all that is set here holds. Without a value nothing holds but `empty = true` and `is_not`.
struct WhereOptions {
  std::string column;
  std::optional<bool> empty;
  std::optional<double> above, min, below, max;  ///< of a number
  std::vector<std::string> is, is_not;           ///< of a text, a category
  std::string begins_with, begins_not_with;
  static void describe(core::Describe<WhereOptions>& d);
};

/// A `[derive.NAME]` table: another column of each event.
struct DeriveOptions {
  std::vector<std::string> product;  ///< of two dense columns
  std::string of;                    ///< a column of times
  std::string part;                  ///< of it: month, day, weekday, hour
  static void describe(core::Describe<DeriveOptions>& d);
};

/// An `[aggregate.NAME]` table: a feature made of the events before the cut.
struct AggregateOptions {
  std::string function = "count";
  std::string of;
  std::string per = "event";    ///< event, group
  std::string window;           ///< a duration before the cut; empty: all that is observed
  std::string from = "events";  ///< events, left_out: rows that [[where]] leaves out
  std::string value;            ///< share: of this value
  std::vector<WhereOptions> where;
  static void describe(core::Describe<AggregateOptions>& d);
};

/// A `[ratio.NAME]` table: over / (under + plus) of two aggregates.
struct RatioOptions {
  std::string over, under;
  double plus = 0;
  static void describe(core::Describe<RatioOptions>& d);
};

/// A `[label.NAME]` table: what the prediction window holds.
struct EventLabelOptions {
  std::string function = "churn";
  std::string of;
  std::string per = "event";
  std::string none;  ///< a category's class where there is no event; empty: the row is left out
  std::vector<WhereOptions> where;
  static void describe(core::Describe<EventLabelOptions>& d);
};

/// The `[window]` table.
struct WindowOptions {
  std::vector<std::string> cuts;  ///< times; none: the whole log is observed, and there is no label
  std::string observe;            ///< a duration before the cut; empty: all
  std::string gap = "0d";
  std::string predict;            ///< a duration from cut + gap
  bool overlap = false;           ///< whether the prediction windows of two cuts may overlap
  std::string incomplete = "fail";  ///< fail, keep: a prediction window that ends after the last row of the log
  static void describe(core::Describe<WindowOptions>& d);
};

struct EventsOptions : ImportOptions {
  std::string entity, time, group;
  std::string entity_kind = "id";
  std::vector<std::string> sequences, profile;
  int64_t max_length = 0;
  int64_t min_events = 1, min_groups = 0;
  std::string active_within;
  WindowOptions window;
  std::vector<WhereOptions> where;
  std::map<std::string, DeriveOptions> derive;
  std::map<std::string, AggregateOptions> aggregate;
  std::map<std::string, RatioOptions> ratio;
  std::map<std::string, EventLabelOptions> label;
  static void describe(core::Describe<EventsOptions>& d);
};

/// Seconds of a duration: a whole number and s, min, h, d or w. Nothing when the text is none.
std::optional<int64_t> duration_seconds(const std::string& text);

}  // namespace cohort::datasets
