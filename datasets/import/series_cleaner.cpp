#include "datasets/import/series_cleaner.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/toml_path.h"
#include "datasets/io/time_format.h"

namespace cohort::datasets {
namespace {

constexpr const char* kGapRemedy =
    "set gaps = \"skip\" to leave out the windows around it, or \"forward\", \"zero\" or \"interpolate\" to fill it";

}  // namespace

SeriesCounts& SeriesCounts::operator+=(const SeriesCounts& other) {
  series += other.series;
  too_short += other.too_short;
  rows += other.rows;
  repeated += other.repeated;
  absent_steps += other.absent_steps;
  missing_values += other.missing_values;
  filled_values += other.filled_values;
  left_out_steps += other.left_out_steps;
  skipped_windows += other.skipped_windows;
  return *this;
}

SeriesCleaner::SeriesCleaner(const SeriesRules& rules, const std::vector<std::string>& names, SeriesCounts& counts,
                             std::function<void(SeriesPoint&&)> use, std::function<void(const SeriesMistake&)> fail)
    : rules_(rules),
      names_(names),
      counts_(counts),
      use_(std::move(use)),
      fail_(std::move(fail)),
      open_(names.size()),
      has_left_(names.size()),
      left_(names.size()) {}

void SeriesCleaner::take(const SeriesRow& row) {
  ++counts_.rows;
  if (begun_ && row.time == row_time_) {
    ++counts_.repeated;
    if (rules_.repeated == RepeatRule::kFail) {
      fail_({row.position, "a second row at " + time_text(row.time),
             "set repeated = \"first\" or \"sum\", or name the column that tells these rows apart in ids"});
    }
    for (std::size_t v = 0; rules_.repeated == RepeatRule::kSum && v < row_values_.size(); ++v) {
      if (std::isnan(row.values[v])) continue;
      row_values_[v] = std::isnan(row_values_[v]) ? row.values[v] : row_values_[v] + row.values[v];
    }
    return;
  }
  if (begun_) step();
  begun_ = true;
  row_time_ = row.time;
  row_position_ = row.position;
  row_values_.assign(row.values.begin(), row.values.end());
}

void SeriesCleaner::finish() {
  if (begun_) step();
  cut();
}

// The row at hand is complete: no other has its time.
void SeriesCleaner::step() {
  if (last_index_ < 0) first_time_ = row_time_;
  int64_t index = 0;
  if (!rules_.step.steps_between(first_time_, row_time_, index) || index <= last_index_) {
    fail_({row_position_,
           time_text(row_time_) + " is no whole number of steps of " + rules_.step.text() + " after " + time_text(first_time_),
           "check `step`, or round the times of the input"});
  }
  const auto gap = static_cast<uint64_t>(index - last_index_ - 1);
  if (gap > 0) {
    counts_.absent_steps += gap;
    if (rules_.gaps == GapRule::kFail) {
      fail_({row_position_,
             "no row at " + time_text(rules_.step.after(first_time_, last_index_ + 1)) +
                 (gap > 1 ? ", and " + std::to_string(gap - 1) + " more steps," : "") + " before this one",
             kGapRemedy});
    }
    if (rules_.gaps == GapRule::kSkip || (rules_.max_gap > 0 && gap > rules_.max_gap)) {
      counts_.left_out_steps += gap;
      cut();
    } else {
      const std::vector<float> none(row_values_.size(), std::numeric_limits<float>::quiet_NaN());
      for (int64_t i = last_index_ + 1; i < index; ++i) put({i, rules_.step.after(first_time_, i), none, false});
    }
  }
  last_index_ = index;
  const auto missing =
      static_cast<uint64_t>(std::count_if(row_values_.begin(), row_values_.end(), [](float value) { return std::isnan(value); }));
  counts_.missing_values += missing;
  if (missing > 0 && rules_.gaps == GapRule::kFail) {
    const auto v =
        std::find_if(row_values_.begin(), row_values_.end(), [](float value) { return std::isnan(value); }) - row_values_.begin();
    fail_({row_position_, "no value of " + core::toml_string(names_[static_cast<std::size_t>(v)]) + " at " + time_text(row_time_),
           kGapRemedy});
  }
  if (missing > 0 && rules_.gaps == GapRule::kSkip) {
    ++counts_.left_out_steps;
  } else {
    put({index, row_time_, std::move(row_values_), false});
  }
}

void SeriesCleaner::put(SeriesPoint point) {
  pending_.push_back({std::move(point), false});
  std::vector<float>& values = pending_.back().point.values;
  // A filling that looks neither ahead nor at the gap's length needn't wait.
  const bool at_once = rules_.max_gap == 0 && rules_.gaps != GapRule::kInterpolate;
  for (std::size_t v = 0; v < values.size(); ++v) {
    if (std::isnan(values[v])) {
      ++open_[v];
      if (at_once && fillable(v, false)) fill(v, false, 0);
    } else {
      const float right = values[v];
      if (open_[v] > 0) {
        // The streak ends before this point.
        Pending last = std::move(pending_.back());
        pending_.pop_back();
        fill(v, true, right);
        pending_.push_back(std::move(last));
      }
      has_left_[v] = true;
      left_[v] = right;
    }
  }
  release(false);
}

bool SeriesCleaner::fillable(std::size_t v, bool has_right) const {
  if (rules_.max_gap > 0 && open_[v] > rules_.max_gap) return false;
  return rules_.gaps == GapRule::kZero || (has_left_[v] && (rules_.gaps == GapRule::kForward || has_right));
}

// Fills the last open_[v] pending points, or gives them up.
void SeriesCleaner::fill(std::size_t v, bool has_right, float right) {
  const uint64_t count = open_[v];
  const bool fills = fillable(v, has_right);
  // Points given up before may have left the queue already.
  const uint64_t here = std::min<uint64_t>(count, pending_.size());
  for (uint64_t i = count - here; i < count; ++i) {
    Pending& entry = pending_[pending_.size() - count + i];
    if (!fills) {
      entry.dead = true;
      continue;
    }
    float& value = entry.point.values[v];
    if (rules_.gaps == GapRule::kInterpolate) {
      const double share = static_cast<double>(i + 1) / static_cast<double>(count + 1);
      value = static_cast<float>(left_[v] + (static_cast<double>(right) - left_[v]) * share);
      entry.point.ahead = true;
    } else {
      value = rules_.gaps == GapRule::kZero ? 0 : left_[v];
    }
    ++counts_.filled_values;
  }
  open_[v] = 0;
}

// Hands out what is settled at the front.
void SeriesCleaner::release(bool all) {
  while (!pending_.empty()) {
    Pending& front = pending_.front();
    for (std::size_t v = 0; !front.dead && v < open_.size(); ++v) {
      // What lacks a value here is the beginning of an open streak; it may be beyond filling already.
      if (!std::isnan(front.point.values[v])) continue;
      const bool lost = (rules_.max_gap > 0 && open_[v] > rules_.max_gap) || (!has_left_[v] && rules_.gaps != GapRule::kZero);
      if (!lost && !all) return;
      front.dead = true;
    }
    if (front.dead) {
      ++counts_.left_out_steps;
    } else {
      use_(std::move(front.point));
    }
    pending_.pop_front();
  }
}

// Nothing is filled across this place.
void SeriesCleaner::cut() {
  for (std::size_t v = 0; v < open_.size(); ++v) {
    if (open_[v] > 0) fill(v, false, 0);
  }
  release(true);
  std::fill(has_left_.begin(), has_left_.end(), false);
}

}  // namespace cohort::datasets
