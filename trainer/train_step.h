// One training step over all ranks: look up, compute lanes, sum, update.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/comm/communicator.h"
#include "datasets/loader/loader.h"
#include "datasets/loader/row_sum.h"
#include "models/objective.h"
#include "trainer/bucket_plan.h"
#include "trainer/embeddings/row_exchange.h"
#include "trainer/embeddings/table_updater.h"
#include "trainer/gradient_reducer.h"
#include "trainer/lane_step.h"
#include "trainer/lane_workers.h"
#include "trainer/loss_scaler.h"
#include "trainer/model_state.h"
#include "trainer/optimizer.h"
#include "trainer/step_board.h"

namespace cohort::trainer {

struct TrainStepOptions {
  int64_t lanes = 8;
  int64_t bucket_bytes = 4 << 20;
  double clip_norm = 0;  ///< 0: none
  int intra_op_threads = 1;  ///< more: lanes are computed one after another, each with so many threads; the bits depend on it
  models::Precision precision = models::Precision::kFloat32;  ///< of the net's forward and backward
  bool compress = false;  ///< gradients that travel as messages
  uint64_t seed = 0;     ///< of random numbers in forward, and of the row hash
};

/// What a step was.
struct StepOutcome {
  double loss = 0;          ///< Σ weight·loss / Σ weight over the global batch
  double weight = 0;        ///< Σ of row weight × class weight over the global batch
  datasets::RowSum used;    ///< of the rows that the lanes were computed from
  bool stop = false;        ///< a rank was asked to stop
  bool skipped = false;     ///< a gradient wasn't finite in float16: nothing was changed, and the loss's scale is smaller now
};

/// Seconds that the tables took on this rank since the beginning, waiting for other ranks left out.
struct TableSeconds {
  double lookup = 0, exchange = 0, update = 0;
  uint64_t steps = 0;
};

/// A step goes: run() computes and updates what was prepared, prepare() looks at the rows of the next one, settle() lets every rank see both. All three are
/// collective, as are construction and destruction. The bits of parameters and tables don't depend on ranks, threads, buckets or the embedding plan.
class TrainStep {
 public:
  /// The optimizer must have been made for owned_ranges(…)[rank] of the same bucket bytes. References must outlive it. Throws Error (usage) on all ranks
  /// when they don't agree about buckets, tables or lanes.
  TrainStep(ModelState& state, std::vector<Replica>& replicas, LaneWorkers& workers, const models::Objective& objective, const core::Choice& optimizer,
            core::Communicator& comm, const TrainStepOptions& options);

  int64_t first_lane() const { return reducer_.first_lane(); }
  int64_t last_lane() const { return reducer_.last_lane(); }
  Optimizer& optimizer() { return *optimizer_; }
  LossScaler& scaler() { return scaler_; }
  /// Of each rank: the ranges of the dense parameters that it updates.
  const std::vector<std::vector<FlatRange>>& owned() const { return owned_; }

  const TableSeconds& table_seconds() const { return table_seconds_; }

  /// The rows of this rank's lanes of the next step.
  void prepare(datasets::Loader::Step rows);
  /// Computes and updates the step prepared last. `rate`: the optimizer's for this step.
  StepOutcome run(double rate);
  void settle() { state_.memory().publish(owned_); }

 private:
  struct Prepared {
    datasets::Loader::Step rows;
    std::vector<TableLookup> lookups;
    std::vector<int64_t> most_entries;  ///< a table
    std::unique_ptr<RowExchange::Request> request;
  };
  void compute_lanes(Prepared& step, const StepContext& context);
  void combine_tables(const Prepared& step, std::size_t area_bytes);
  void clip(float* gradient);
  void agree() const;

  core::Communicator& comm_;
  ModelState& state_;
  std::vector<Replica>& replicas_;
  LaneWorkers& workers_;
  const models::Objective& objective_;
  TrainStepOptions options_;
  BucketPlan plan_;
  std::vector<std::vector<FlatRange>> owned_;
  std::unique_ptr<Optimizer> optimizer_;
  GradientReducer reducer_;
  std::unique_ptr<RowExchange> exchange_;
  std::optional<TableUpdater> updater_;
  StepBoard board_;
  LossScaler scaler_;
  datasets::RowHash row_hash_;
  std::vector<int64_t> dims_;
  TableSeconds table_seconds_;
  std::optional<Prepared> next_;
  std::vector<std::vector<at::Tensor>> leaf_gradients_;  ///< [table][lane of this rank]
};

}  // namespace cohort::trainer
