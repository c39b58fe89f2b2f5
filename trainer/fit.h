// Training by gradients: the loop.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "core/comm/communicator.h"
#include "datasets/loader/loader.h"
#include "models/objective.h"
#include "trainer/device/device.h"
#include "trainer/drill.h"
#include "trainer/guard_options.h"
#include "trainer/lane_workers.h"
#include "trainer/metrics.h"
#include "trainer/model_state.h"
#include "trainer/optimizer.h"
#include "trainer/options.h"
#include "trainer/schedule.h"
#include "trainer/sink.h"
#include "trainer/telemetry/time_attribution.h"
#include "trainer/train_step.h"
#include "trainer/weight_average.h"

namespace cohort::trainer {

struct FitInput {
  NetSpec net;
  const models::Objective* objective = nullptr;
  core::Choice optimizer;
  ScheduleOptions schedule;
  AveragingOptions averaging;
  TrainOptions train;
  EarlyStoppingOptions early_stopping;
  GuardOptions guard;
  double threshold = 0.5;  ///< of the accuracy
  std::shared_ptr<const datasets::FeatureStore> store;
  const datasets::Split* split = nullptr;
  std::shared_ptr<const datasets::RowOrder> order;  ///< over the lanes of a step, train.step_lanes(ranks)
  datasets::SequenceView view;        ///< what training sees of sequences
  datasets::LoaderOptions loader;
  std::shared_ptr<Device> device;     ///< none: on processors. The store makes its batches in the device's page-locked memory
  std::filesystem::path checkpoints;  ///< folder
  Drill drill;                        ///< faults made on purpose
  bool resume = false;                ///< from the newest checkpoint, if there is one
  nlohmann::json contract;            ///< what must be equal for a checkpoint to fit: dataset, split, config
  nlohmann::json environment;         ///< what the bits depend on besides: libraries and CPU capability; a difference is named
};

struct FitResult {
  bool stopped = false;  ///< by a signal, after a checkpoint
  uint64_t steps = 0, epochs = 0;
  uint64_t skipped = 0;  ///< steps that changed nothing, for an overflow in float16
  int64_t roll_backs = 0;
  uint64_t best_step = 0;
  double best_value = 0;
  TableSeconds tables;   ///< of this rank
  TimeAttribution times;  ///< of this attempt's training, all ranks
  double train_rows_per_second = 0;  ///< over all ranks, evaluation and the first epoch left out where there are more
};

/// A trained net and the means to score with it.
class Trained {
 public:
  /// Collective.
  Trained(const NetSpec& spec, core::Communicator& comm, EmbeddingPlan plan, int threads);
  ModelState state;
  LaneWorkers workers;
  std::vector<Replica> replicas;
};

/// Collective. Trains `trained` from its initial values, or from the newest checkpoint, to the end, and leaves the best epoch's weights in it (the
/// last ones where there is no validation split), or their average where `averaging` says so. Equal bits on every rank, for any number of ranks and threads unless train.determinism
/// is "fast".
FitResult fit(const FitInput& input, Trained& trained, core::Communicator& comm, Sink& sink);

}  // namespace cohort::trainer
