#include "trainer/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace cohort::trainer {
namespace {

/// From `a` to `b` along half a cosine, at share x of the way.
double between(double a, double b, double x) { return b + (a - b) * 0.5 * (1 + std::cos(std::numbers::pi * x)); }

}  // namespace

void ScheduleOptions::describe(core::Describe<ScheduleOptions>& d) {
  using O = ScheduleOptions;
  d.field("name", &O::name, "shape of the learning rate over the run").one_of({"constant", "cosine", "inverse_sqrt", "one_cycle", "plateau", "polynomial", "step"});
  d.field("warmup_epochs", &O::warmup_epochs, "the rate climbs linearly from 0 over this long").min(0).unit("epochs");
  d.field("final_factor", &O::final_factor, "cosine, polynomial, one_cycle: the last rate as a multiple of the highest").min(0).max(1);
  d.field("power", &O::power, "polynomial: exponent of what is left of the run; 1 is a straight line").above(0).max(10);
  d.field("peak_at", &O::peak_at, "one_cycle: where the rate is highest, as a share of the steps after warm-up").above(0).below(1);
  d.field("initial_factor", &O::initial_factor, "one_cycle: the first rate as a multiple of the highest").min(0).max(1);
  d.field("factor", &O::factor, "step, plateau: the rate is multiplied by this").above(0).below(1);
  d.field("every", &O::every, "step: time between two").min(1).unit("epochs");
  d.field("patience", &O::patience, "plateau: evaluations without a better metric before the rate falls").min(1).unit("evaluations");
}

Schedule::Schedule(const ScheduleOptions& options, uint64_t steps_per_epoch, uint64_t total_steps)
    : options_(options),
      steps_per_epoch_(std::max<uint64_t>(1, steps_per_epoch)),
      total_steps_(total_steps),
      warmup_(static_cast<uint64_t>(std::llround(options.warmup_epochs * static_cast<double>(steps_per_epoch)))) {}

double Schedule::factor(uint64_t step) const {
  if (step < warmup_) return static_cast<double>(step + 1) / static_cast<double>(warmup_);
  const double span = static_cast<double>(std::max<uint64_t>(1, total_steps_ > warmup_ ? total_steps_ - warmup_ : 1));
  const double x = std::min(1.0, static_cast<double>(step - warmup_) / span);  // share of the run after warm-up
  if (options_.name == "cosine") return between(1, options_.final_factor, x);
  if (options_.name == "polynomial") return options_.final_factor + (1 - options_.final_factor) * std::pow(1 - x, options_.power);
  if (options_.name == "one_cycle") {
    if (x < options_.peak_at) return between(options_.initial_factor, 1, x / options_.peak_at);
    return between(1, options_.final_factor, (x - options_.peak_at) / (1 - options_.peak_at));
  }
  if (options_.name == "inverse_sqrt") {
    const auto start = static_cast<double>(std::max<uint64_t>(1, warmup_));
    return std::sqrt(start / std::max(start, static_cast<double>(step + 1)));
  }
  if (options_.name == "step")
    return std::pow(options_.factor, static_cast<double>(step / steps_per_epoch_ / static_cast<uint64_t>(options_.every)));
  if (options_.name == "plateau") return state.plateau;
  return 1;
}

void Schedule::observe(bool improved) {
  if (improved) {
    state.bad = 0;
  } else if (++state.bad >= options_.patience) {
    state.bad = 0;
    state.plateau *= options_.factor;
  }
}

}  // namespace cohort::trainer
