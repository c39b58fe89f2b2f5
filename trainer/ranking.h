// Metrics of order from integer counts over a distributed sort.
#pragma once

#include <span>

#include "core/comm/communicator.h"

namespace cohort::trainer {

/// NaN where one class is absent or a score isn't finite.
struct Ranking {
  double auc = 0;                ///< Σ over pairs of [positive above negative] + ½[equal], over all pairs
  double average_precision = 0;  ///< step-wise, no interpolation
  double ks = 0;                 ///< max over thresholds of TPR − FPR; 0 at least
};

/// Collective. Each rank brings some of the rows; a label above ½ is positive. The same bits however the rows are dealt.
Ranking rank_scores(core::Communicator& comm, std::span<const float> scores, std::span<const float> labels);

}  // namespace cohort::trainer
