// Which chunks a loader needs from which step to which.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "datasets/loader/row_order.h"

namespace cohort::datasets {

/// Loads in the order in which steps need them, epoch after epoch. Not thread-safe.
class LoadSchedule {
 public:
  struct Load {
    uint64_t first_step = 0, last_step = 0;  ///< over all epochs, both included
    uint64_t number = 0;                     ///< among loads of one first step
    uint32_t chunk = 0;
    bool operator<(const Load& other) const {
      return first_step != other.first_step ? first_step < other.first_step : number < other.number;
    }
  };

  LoadSchedule(int64_t first_lane, int64_t last_lane, uint64_t first_step) : first_lane_(first_lane), last_lane_(last_lane), first_step_(first_step) {}

  /// Adds what an epoch needs: chunks of its windows, or `all` from the first epoch added on where it has none. `start` is its first step.
  void add_epoch(const EpochOrder& order, uint64_t start, const std::vector<TrainingChunk>& all);
  const Load* first() const { return loads_.empty() ? nullptr : &*loads_.begin(); }
  Load take() { return loads_.extract(loads_.begin()).value(); }

 private:
  int64_t first_lane_, last_lane_;
  uint64_t first_step_, next_number_ = 0;
  bool has_all_ = false;
  std::set<Load> loads_;
};

}  // namespace cohort::datasets
