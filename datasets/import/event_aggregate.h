// Aggregates of one customer's events, for features and for labels.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "datasets/import/event_rows.h"

namespace cohort::datasets {

/// Some rows of one customer, in order of time. What isn't in a view can't be seen through it.
struct EventView {
  const RowBlock* block = nullptr;
  std::size_t time = 0;                        ///< its column
  std::span<const uint32_t> events, left_out;  ///< places in the block: rows that all rules hold for, and others

  int64_t time_of(uint32_t place) const { return block->columns[time].longs[place]; }
  /// The rows of times in [from, to).
  EventView between(int64_t from, int64_t to) const;
};

/// Memory that is used again from one customer to the next.
struct AggregateScratch {
  struct Unit {
    int64_t time = 0;
    double value = 0;
    bool has_value = false;
  };
  std::vector<Unit> units;
  std::unordered_map<int32_t, std::size_t> places;  ///< of groups in `units`, counts of codes
  std::vector<int32_t> codes;
};

/// Options of an aggregate feature or a label, made for the columns of a log's events. Thread-safe with a scratch a thread.
class Aggregate {
 public:
  struct Context {
    const Schema& events;
    std::optional<std::size_t> group;
  };
  /// `path` is that of its table. Mistakes go to `diagnostics`; then it must not be used.
  Aggregate(const Context& context, const std::string& name, const AggregateOptions& options, const std::string& path, core::Diagnostics& diagnostics);

  const std::string& name() const { return name_; }
  /// Whether it gives a code of column `of()` instead of a number.
  bool is_category() const { return category_; }
  std::size_t of() const { return of_.value_or(0); }
  /// What these rows come to; `cut` is what windows, recency and tenure are measured from. NaN where there is none: the mean of nothing.
  double number(const EventView& view, int64_t cut, AggregateScratch& scratch) const;
  /// −1 where there is none.
  int32_t category(const EventView& view, int64_t cut, AggregateScratch& scratch) const;

 private:
  std::span<const uint32_t> rows_of(const EventView& view) const { return left_out_ ? view.left_out : view.events; }
  bool counts(const RowBlock& block, std::size_t row) const;
  void collect_units(const EventView& view, int64_t cut, AggregateScratch& scratch) const;
  void collect_codes(const EventView& view, int64_t cut, AggregateScratch& scratch) const;

  std::string name_;
  std::string function_;
  const Schema& events_;
  std::optional<std::size_t> of_, group_;  ///< group: where it is per group
  bool left_out_ = false, category_ = false;
  int64_t window_ = std::numeric_limits<int64_t>::max();  ///< seconds
  int32_t value_ = -1;                                    ///< share: whose
  std::vector<RowRule> rules_;
};

}  // namespace cohort::datasets
