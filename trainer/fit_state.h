// Where the loop stands: all of it that is no tensor.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace cohort::trainer {

/// Equal on all ranks.
struct FitState {
  uint64_t step = 0;  ///< steps done
  double loss = 0;    ///< of the last one
  double epoch_loss = 0, epoch_weight = 0;  ///< sums over the epoch so far
  bool ended = false;                       ///< early

  /// The best value of the watched metric, and the evaluations since.
  struct Best {
    bool any = false;
    double value = 0;
    uint64_t step = 0;
    int64_t since = 0;
  } best;
  /// The last evaluation, as a number of which more is better.
  struct Evaluation {
    bool any = false;
    uint64_t step = 0;
    double goodness = 0;
  } evaluation;

  double rate_factor = 1;      ///< what roll-backs left of the rate
  int64_t roll_backs = 0;
  std::vector<double> losses;  ///< of the last steps, oldest first, for the guard against divergence
};

nlohmann::json to_json(const FitState& state);
/// Throws nlohmann::json::exception where a member is missing or of another type.
FitState fit_state_from_json(const nlohmann::json& json);

}  // namespace cohort::trainer
