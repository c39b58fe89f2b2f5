// The loader: batches for the lanes of a rank, read, transformed and put together ahead of time on threads of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/flight/recorder.h"
#include "datasets/loader/feature_store.h"
#include "datasets/loader/loader_options.h"
#include "datasets/loader/row_batch.h"
#include "datasets/loader/row_order.h"

namespace cohort::datasets {

/// Batches of the training split for the lanes [first_lane, last_lane) of this rank, from any step on. `loader.threads` threads load the
/// chunks that the order wants, as far ahead as the memory bound allows, and make the steps, up to `loader.prefetch` ahead.
class Loader {
 public:
  struct Plan {
    int64_t first_lane = 0, last_lane = 1;
    uint64_t first_step = 0;  ///< steps count from 0 over all epochs
    uint64_t last_step = 0;   ///< one past the last
    SequenceView view = {};   ///< of sequences; its epoch is the step's
    core::Recorder* recorder = nullptr;  ///< of what the threads do, on the loader's tracks; must outlive the loader
  };
  Loader(std::shared_ptr<const FeatureStore> store, std::shared_ptr<const RowOrder> order, Plan plan, const LoaderOptions& options);
  ~Loader();  ///< stops the threads

  static uint64_t steps_per_epoch(uint64_t rows, uint64_t global_batch) { return (rows + global_batch - 1) / global_batch; }

  struct Step {
    uint64_t step = 0;
    uint64_t epoch = 0;
    uint64_t global_rows = 0;       ///< rows of the whole global batch
    std::vector<RowBatch> lanes;    ///< one a lane of this rank, in lane order; a lane may have no rows
  };
  /// The next step; blocks until it is ready. Throws what a thread threw. Called last_step − first_step times at most.
  Step next();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cohort::datasets
