// Predictions of a trained net over the rows of a split, in fixed blocks.
#pragma once

#include <memory>
#include <vector>

#include "core/comm/communicator.h"
#include "datasets/loader/loader.h"
#include "models/objective.h"
#include "trainer/lane_workers.h"
#include "trainer/model_state.h"

namespace cohort::trainer {

/// A rank's share of a split's predictions: whole blocks, in order of position.
struct Predictions {
  datasets::Part part = datasets::Part::kTest;
  int64_t outputs = 1;               ///< K
  uint64_t total = 0;                ///< rows of the whole split
  uint64_t first = 0;                ///< position of this rank's first row; a multiple of models::kScoreBlock
  std::vector<uint64_t> row;         ///< `row` numbers
  std::vector<float> label;
  std::vector<float> prediction;     ///< [rows, K]: probability, class probabilities, or the value
};

/// Collective. Scores this rank's blocks of `part`. Uses one replica a worker, or one alone where it is a device's.
Predictions score(ModelState& state, std::vector<Replica>& replicas, const models::Objective& objective, const datasets::FeatureStore& store,
                  const datasets::Split& split, datasets::Part part, core::Communicator& comm, LaneWorkers& workers);

/// Collective. All predictions on rank 0, in order of position; empty elsewhere. Hand `mine` over where it is large: it is freed on the way.
Predictions gather_predictions(core::Communicator& comm, Predictions mine);

}  // namespace cohort::trainer
