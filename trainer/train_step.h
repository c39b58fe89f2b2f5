// One training step over all ranks: look up, compute lanes, sum, update.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/comm/communicator.h"
#include "datasets/loader/loader.h"
#include "models/objective.h"
#include "trainer/bucket_plan.h"
#include "trainer/embeddings/row_exchange.h"
#include "trainer/embeddings/table_updater.h"
#include "trainer/gradient_reducer.h"
#include "trainer/lane_step.h"
#include "trainer/lane_workers.h"
#include "trainer/model_state.h"
#include "trainer/step_board.h"
#include "trainer/step_message.h"
#include "trainer/step_runner.h"

namespace cohort::trainer {

/// What of a device's step is recorded once and replayed from then on.
enum class DeviceGraphs {
  kNone,
  kCompute,  ///< what a rank computes by itself
  kWhole,    ///< exchanges between ranks too, where the transport can be recorded: they overlap with backward
};

struct TrainStepOptions {
  int64_t lanes = 8;
  int64_t bucket_bytes = 4 << 20;
  double clip_norm = 0;  ///< 0: none
  int intra_op_threads = 1;  ///< more: lanes are computed one after another, each with so many threads; the bits depend on it
  models::Precision precision = models::Precision::kFloat32;  ///< of the net's forward and backward
  bool compress = false;  ///< gradients that travel as messages
  uint64_t seed = 0;     ///< of random numbers in forward, and of the row hash
  DeviceGraphs graphs = DeviceGraphs::kCompute;
  int64_t check_every = 0;  ///< steps after which this rank computes its first lane twice and compares the bits; 0: never
  std::function<void()> before_update = {};  ///< called when a step's gradient is there, before anything is changed
  std::function<void(uint64_t step, at::Tensor& gradient)> spoil = {};  ///< a drill's: may change a gradient of the first lane
};

/// A step on processors.
class TrainStep final : public StepRunner {
 public:
  /// References must outlive it. Throws Error (failed) on all ranks when they don't agree about buckets, tables or lanes.
  TrainStep(ModelState& state, std::vector<Replica>& replicas, LaneWorkers& workers, const models::Objective& objective, const core::Choice& optimizer,
            core::Communicator& comm, const TrainStepOptions& options);

  int64_t first_lane() const override { return reducer_.first_lane(); }
  int64_t last_lane() const override { return reducer_.last_lane(); }
  Optimizer& optimizer() override { return *optimizer_; }
  LossScaler& scaler() override { return scaler_; }
  const TableSeconds& table_seconds() const override { return table_seconds_; }
  const std::vector<std::vector<FlatRange>>& owned() const override { return owned_; }

  int steps_ahead() const override { return state_.specs().empty() || state_.tables().visible() ? 1 : 2; }
  void prepare(datasets::Loader::Step rows) override;
  void run(double rate) override;
  void settle() override;
  StepOutcome outcome() override { return outcome_; }
  std::vector<at::Tensor> parts() override;
  void parts_changed() override { settle(); }

 private:
  struct Prepared {
    datasets::Loader::Step rows;
    std::vector<TableLookup> lookups;
    std::vector<int64_t> most_entries;  ///< a table
    std::unique_ptr<RowExchange::Request> request;
  };
  StepSummary agree(uint64_t step);
  void compute_lanes(Prepared& step, const StepContext& context);
  std::vector<at::Tensor> leaves(const Prepared& step, std::size_t lane) const;
  void compute_first_lane(Prepared& step, const StepContext& context, Replica& replica, const std::vector<at::Tensor>& embedded, LaneGradient& gradient);
  std::string find_first_bad(const Prepared& step, const StepContext& context);
  bool take_outcome(const float* gradient);
  bool update_tables(float* gradient, uint64_t step, double rate);
  void update_net(float* gradient, uint64_t step, double rate);
  void combine_tables(const Prepared& step, std::size_t area_bytes);
  bool clip(float* gradient);

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
  std::deque<Prepared> ahead_;  ///< in the order of steps
  /// Of a lane of this rank, in its last step: whether all its gradients were finite, and else the first parameter whose wasn't; -1 where it was a table's.
  struct LaneHealth {
    bool finite = true;
    int64_t first_bad = -1;
  };
  std::vector<LaneHealth> health_;
  StepOutcome outcome_;
  std::vector<std::vector<at::Tensor>> leaf_gradients_;  ///< [table][lane of this rank]
};

}  // namespace cohort::trainer
