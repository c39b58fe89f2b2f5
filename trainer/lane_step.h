// One lane of one step: forward, loss and backward, into one flat gradient vector.
#pragma once

#include <optional>

#include "core/flight/recorder.h"
#include "datasets/loader/loader.h"
#include "models/autocast.h"
#include "models/objective.h"
#include "trainer/gradient_reducer.h"
#include "trainer/model_state.h"

namespace cohort::trainer {

/// What a lane needs besides its rows; the same for all lanes of a step.
struct StepContext {
  uint64_t seed = 0;
  uint64_t step = 0;
  double global_weight = 1;  ///< Σ of row weight × class weight over the global batch
  double global_rows = 1;
  models::Precision precision = models::Precision::kFloat32;  ///< of forward and backward; the loss is float32
  std::optional<float> loss_scale;  ///< of backward, where there is one; the gradient that is handed over is without it
  core::Recorder* recorder = nullptr;  ///< of forward and backward, where their times are wanted
  core::Track track = core::kMainTrack;  ///< of the thread that computes the lane
};

/// Forward and backward of a lane with rows; parameters' gradients go to `sink` as backward reaches them, those of the leaves are left in them. The loss, without
/// its scale. Reads the shared parameters, changes only the replica. Local, one thread a replica.
at::Tensor lane_gradients(Replica& replica, const ModelState& state, const models::Objective& objective, const StepContext& step, int64_t lane,
                          const datasets::RowBatch& rows, const std::vector<at::Tensor>& embedded, GradientSink& sink);

/// Computes the lane and hands its gradient over, parameter by parameter as backward reaches them. Reads the shared parameters, changes only the replica.
/// `embedded`: the leaves of the tables; their gradients are left in them. `stop`: whether this rank was asked to. A lane without rows gives zeros. `first`:
/// where parameters' gradients go first; it hands them on to `gradient`. Local, one thread a replica.
void compute_lane(Replica& replica, const ModelState& state, const models::Objective& objective, const StepContext& step, int64_t lane,
                  const datasets::RowBatch& rows, const std::vector<at::Tensor>& embedded, LaneGradient& gradient, bool stop, GradientSink* first = nullptr);

/// Σ of row weight × class weight over a lane's rows, in row order.
double lane_weight(const datasets::RowBatch& rows, const models::Objective& objective);

}  // namespace cohort::trainer
