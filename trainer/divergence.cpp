#include "trainer/divergence.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace cohort::trainer {
namespace {

double median_of(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

std::optional<std::string> divergence(const StepOutcome& outcome, const GuardOptions& guard, std::vector<double>& losses) {
  if (!std::isfinite(outcome.loss)) return fmt::format("the loss became {}", std::isnan(outcome.loss) ? "nan" : "infinite");
  if (outcome.refused) return fmt::format("the gradient isn't finite, the loss being {}", outcome.loss);
  if (guard.loss_factor == 0) return std::nullopt;
  if (losses.size() == kMedianLosses) {
    const double median = median_of(losses);
    if (outcome.loss > guard.loss_factor * median) return fmt::format("the loss became {}, {:.3g} times the median of the last {} steps", outcome.loss, outcome.loss / median, kMedianLosses);
    losses.erase(losses.begin());
  }
  losses.push_back(outcome.loss);
  return std::nullopt;
}

core::Error divergence_error(const std::string& what, uint64_t step, uint64_t epoch, const std::string& first, bool fp16) {
  core::Error error = core::failed_error(fmt::format("{} at step {} (epoch {})", what, step, epoch + 1),
                                         std::string(fp16 ? "set train.precision to \"bf16\" or \"fp32\", " : "") +
                                             "lower the learning rate, set train.clip_norm, look for extreme values with `cohort inspect` or for a function of the net without a "
                                             "derivative there, like sqrt at 0; guard.on_divergence = \"roll_back\" goes back to the last checkpoint and on with a smaller rate");
  if (!first.empty()) error.within("the first number that isn't finite: " + first);
  return error.known_everywhere();
}

}  // namespace cohort::trainer
