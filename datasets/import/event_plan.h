// What the options of `events` come to for the columns of a log, and the rows that one customer's events become.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "datasets/import/event_aggregate.h"
#include "datasets/import/event_options.h"
#include "datasets/import/event_rows.h"

namespace cohort::datasets {

/// Windows in seconds. A cut's features see times in [cut − observe, cut), its labels times in [cut + gap, cut + gap + predict).
struct EventWindows {
  std::vector<int64_t> cuts;        ///< ascending; empty: the whole log
  std::optional<int64_t> observe;
  int64_t gap = 0, predict = 0;
  std::optional<int64_t> active_within;
};

/// Mistakes go to `diagnostics`: a cut that is no time, prediction windows that overlap, labels without a window.
EventWindows event_windows(const EventsOptions& options, core::Diagnostics& diagnostics);

/// Rows made of some customers, and what was counted.
struct EventOutput {
  RowBlock block;
  int64_t no_events = 0, few_events = 0, few_groups = 0, inactive = 0;  ///< customers (at a cut) left out
  int64_t cut_elements = 0;           ///< events that max_length kept out of sequences
  std::vector<int64_t> conflicts;     ///< by profile column: customers with several values
  std::vector<int64_t> without_label; ///< by label: customers left out
};

class EventPlan {
 public:
  /// `rows` is the schema of the spooled rows. Mistakes go to `diagnostics`; then the plan must not be used. Made a first time while dictionaries
  /// are empty, to find mistakes before a file is read.
  EventPlan(const EventsOptions& options, const Schema& rows, EventWindows windows, core::Diagnostics& diagnostics);
  EventPlan(const EventPlan&) = delete;
  EventPlan& operator=(const EventPlan&) = delete;

  const Schema& events() const { return columns_.schema(); }
  const Schema& output() const { return output_; }
  const std::vector<std::size_t>& open_labels() const { return open_; }
  const EventWindows& windows() const { return windows_; }
  std::size_t entity() const { return entity_; }
  std::size_t time() const { return time_; }
  bool wants_left_out() const { return wants_left_out_; }
  const std::vector<RowRule>& rules() const { return rules_; }
  const std::vector<std::size_t>& profile() const { return profile_; }
  std::vector<std::string> label_names() const;
  void derive(RowBlock& block) const { columns_.derive(block); }
  /// The first rule that a row of events() fails; nothing when it is an event.
  std::optional<std::size_t> failed_rule(const RowBlock& block, std::size_t row) const;

  EventOutput new_output() const;
  /// Adds one customer's rows, one a cut. `all` holds all of the customer's rows; features are computed from what of it lies before the cut and
  /// nothing else. Thread-safe with outputs and scratches of their own.
  void add_rows(int32_t entity, const EventView& all, int64_t end_of_log, EventOutput& out, AggregateScratch& scratch) const;

 private:
  struct Ratio {
    std::size_t over, under;
    double plus;
  };
  struct Label {
    std::string function;
    std::string none;
    Aggregate value;
  };
  struct LabelValue {
    float number = 0;
    int32_t code = 0;
  };
  std::optional<std::size_t> coded(const Schema& schema, const std::string& name, const std::string& path, core::Diagnostics& diagnostics) const;
  void plan_features(const EventsOptions& options, core::Diagnostics& diagnostics);
  void plan_labels(const EventsOptions& options, core::Diagnostics& diagnostics);
  bool eligible(const EventView& seen, int64_t cut, EventOutput& out, AggregateScratch& scratch) const;
  void add_features(int32_t entity, const EventView& seen, int64_t cut, EventOutput& out, AggregateScratch& scratch) const;
  /// False where a label has no value.
  bool find_labels(const EventView& future, int64_t cut, std::vector<LabelValue>& values, EventOutput& out, AggregateScratch& scratch) const;

  EventColumns columns_;
  EventWindows windows_;
  Schema output_;
  std::vector<std::size_t> open_;
  std::vector<std::string> names_;  ///< of the output's columns
  std::size_t entity_ = 0, time_ = 0;
  std::optional<std::size_t> group_;
  std::vector<RowRule> rules_;
  std::vector<std::size_t> profile_, sequences_;
  std::vector<Aggregate> aggregates_;
  std::vector<Ratio> ratios_;
  std::vector<Label> labels_;
  int64_t min_events_ = 1, min_groups_ = 0;
  std::size_t max_length_ = 0;
  bool wants_left_out_ = false;
};

}  // namespace cohort::datasets
