// The rows of one series on a grid of equal steps: repeated times, gaps and missing values settled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "datasets/import/series_order.h"
#include "datasets/import/time_step.h"

namespace cohort::datasets {

enum class GapRule : uint8_t { kFail, kSkip, kForward, kZero, kInterpolate };
enum class RepeatRule : uint8_t { kFail, kFirst, kSum };

struct SeriesRules {
  TimeStep step;
  GapRule gaps = GapRule::kFail;
  uint64_t max_gap = 0;  ///< longer gaps aren't filled; 0: any length is
  RepeatRule repeated = RepeatRule::kFail;
};

struct SeriesCounts {
  uint64_t series = 0, too_short = 0;  ///< too short for a single window
  uint64_t rows = 0;                   ///< with a time and a series
  uint64_t repeated = 0;               ///< rows at the time of an earlier one
  uint64_t absent_steps = 0;           ///< steps without a row
  uint64_t missing_values = 0;         ///< in rows that are there
  uint64_t filled_values = 0;
  uint64_t left_out_steps = 0;   ///< steps that couldn't be, or were not to be, filled
  uint64_t skipped_windows = 0;  ///< that would touch such a step, or whose filling would look ahead
  SeriesCounts& operator+=(const SeriesCounts& other);
};

/// One step of the grid that has all its values.
struct SeriesPoint {
  int64_t index = 0;  ///< steps after the series' first row
  int64_t time = 0;
  std::vector<float> values;
  bool ahead = false;  ///< a value was interpolated from one of a later step
};

/// What ends an import: a row that the rules refuse.
struct SeriesMistake {
  uint64_t position = 0;
  std::string message, remedy;
};

/// Takes the rows of one series in the order of time and gives its points in the order of their index. Memory: the steps of an open gap.
class SeriesCleaner {
 public:
  /// `fail` must throw. `names` are those of the values, for messages.
  SeriesCleaner(const SeriesRules& rules, const std::vector<std::string>& names, SeriesCounts& counts,
                std::function<void(SeriesPoint&&)> use, std::function<void(const SeriesMistake&)> fail);

  void take(const SeriesRow& row);
  void finish();
  /// Steps from the first to the last row, both included.
  int64_t length() const { return last_index_ + 1; }
  int64_t first_time() const { return first_time_; }

 private:
  struct Pending {
    SeriesPoint point;
    bool dead = false;
  };
  void step();
  void put(SeriesPoint point);
  void fill(std::size_t value, bool has_right, float right);
  void release(bool all);
  void cut();
  bool fillable(std::size_t value, bool has_right) const;

  const SeriesRules& rules_;
  const std::vector<std::string>& names_;
  SeriesCounts& counts_;
  std::function<void(SeriesPoint&&)> use_;
  std::function<void(const SeriesMistake&)> fail_;

  bool begun_ = false;  ///< a row is at hand
  int64_t row_time_ = 0;
  uint64_t row_position_ = 0;
  std::vector<float> row_values_;
  int64_t first_time_ = 0, last_index_ = -1;

  std::deque<Pending> pending_;
  std::vector<uint64_t> open_;  ///< by value: how many of the last pending points lack it
  std::vector<bool> has_left_;
  std::vector<float> left_;  ///< the value before those
};

}  // namespace cohort::datasets
