#include "datasets/loader/load_schedule.h"

#include <algorithm>

namespace cohort::datasets {

void LoadSchedule::add_epoch(const EpochOrder& order, uint64_t start, const std::vector<TrainingChunk>& all) {
  bool has_windows = false;
  for (int64_t lane = first_lane_; lane < last_lane_; ++lane) {
    for (const EpochOrder::Window& window : order.windows(lane)) {
      has_windows = true;
      const uint64_t first = start + window.first_step, last = start + window.last_step;
      if (last < first_step_) continue;
      for (const uint32_t chunk : window.chunks) loads_.insert({std::max(first, first_step_), last, next_number_++, chunk});
    }
  }
  if (has_windows || has_all_ || first_lane_ == last_lane_) return;
  // Rows come from anywhere: the first step may need any chunk, and none goes out of use.
  has_all_ = true;
  for (const TrainingChunk& chunk : all) loads_.insert({first_step_, UINT64_MAX, next_number_++, chunk.chunk});
}

}  // namespace cohort::datasets
