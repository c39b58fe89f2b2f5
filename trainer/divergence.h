// Whether training has gone astray, and what to say then.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "trainer/guard_options.h"
#include "trainer/step_runner.h"

namespace cohort::trainer {

/// Steps whose losses make the median.
inline constexpr std::size_t kMedianLosses = 64;

/// What is wrong with a step: nothing where all is well. `losses`: of the steps before, oldest first, at most kMedianLosses; the loss of a good step is added. The same on all ranks.
std::optional<std::string> divergence(const StepOutcome& outcome, const GuardOptions& guard, std::vector<double>& losses);

/// The error that ends a run for it. `first`: where the first number that isn't finite came from, "" where unknown.
core::Error divergence_error(const std::string& what, uint64_t step, uint64_t epoch, const std::string& first, bool fp16);

}  // namespace cohort::trainer
