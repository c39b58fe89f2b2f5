// The spacing of a time series: so many seconds, or so many months of the calendar.
#pragma once

#include <cstdint>
#include <string>

namespace cohort::datasets {

class TimeStep {
 public:
  /// A number and a unit: s, min, h, d, w, mo (calendar month), y. Throws Error (usage).
  explicit TimeStep(const std::string& text = "1h");

  /// Whole steps from `first` to `time`, which may lie before it; false for a time off the grid. Months keep the day and the time of the
  /// day; series of last days of months (31 January, 28 February) do too.
  bool steps_between(int64_t first, int64_t time, int64_t& steps) const;
  /// The time so many steps after `first`; a day that the month doesn't have is its last one.
  int64_t after(int64_t first, int64_t steps) const;
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  int64_t seconds_ = 0;
  int64_t months_ = 0;  ///< 0: seconds count
};

}  // namespace cohort::datasets
