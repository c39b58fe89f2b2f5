// Exact metrics over all ranks: the same bits for any number of them.
#pragma once

#include <map>
#include <string>

#include "core/comm/communicator.h"
#include "trainer/scoring.h"

namespace cohort::trainer {

/// By name, as defined for `run.json`.
///   binary: auc, pr_auc (average precision), log_loss, brier, ks, gini, ece15, accuracy (at `threshold`), positive_rate
///   multiclass: log_loss, accuracy, macro_f1
///   regression: mse, rmse, mae, r2
/// A metric that isn't defined (AUC of one class) is NaN.
using Metrics = std::map<std::string, double>;

/// Collective. Ranks by integer counts over a distributed sort of the scores; sums of reals in double, a fixed block of rows at a time, the blocks in order.
/// Probabilities are clipped to [1e-7, 1 − 1e-7] for the log loss.
Metrics compute_metrics(core::Communicator& comm, const Predictions& mine, const std::string& task, double threshold);

/// Whether larger is better.
bool larger_is_better(const std::string& metric);
/// The metrics of a task, by name.
std::vector<std::string> metric_names(const std::string& task);

}  // namespace cohort::trainer
