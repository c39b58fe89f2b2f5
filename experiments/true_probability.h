// The yardstick of synthetic data: how well the true probability itself ranks the rows.
#pragma once

#include <optional>

#include "core/comm/communicator.h"
#include "experiments/prepare.h"
#include "trainer/scoring.h"

namespace cohort::experiments {

/// Collective. AUC of the column `true_probability` on the rows of a binary task's split that `mine` covers over all ranks; nothing where the dataset
/// has no such column.
std::optional<double> auc_of_true_probability(const Prepared& prepared, datasets::Part part, const trainer::Predictions& mine, core::Communicator& comm);

}  // namespace cohort::experiments
