#include "trainer/weight_average.h"

#include <algorithm>

#include <ATen/ops/zeros.h>

namespace cohort::trainer {
namespace {

void move_towards(at::Tensor& average, const at::Tensor& now, double share) {
  float* const a = average.data_ptr<float>();
  const float* const b = now.data_ptr<float>();
  const auto part = static_cast<float>(share);
  for (int64_t i = 0; i < average.numel(); ++i) a[i] += part * (b[i] - a[i]);
}

void swap_content(at::Tensor& a, at::Tensor& b) { std::swap_ranges(a.data_ptr<float>(), a.data_ptr<float>() + a.numel(), b.data_ptr<float>()); }

}  // namespace

void AveragingOptions::describe(core::Describe<AveragingOptions>& d) {
  using O = AveragingOptions;
  d.field("name", &O::name, "ema: an exponential average over steps; swa: the mean over the ends of epochs. It is evaluated, and kept as the result").one_of({"none", "ema", "swa"});
  d.field("decay", &O::decay, "ema: what stays of the average at each step").above(0).below(1);
  d.field("from_epoch", &O::from_epoch, "the first epoch that counts").min(1).unit("epochs");
}

WeightAverage::WeightAverage(const AveragingOptions& options, uint64_t steps_per_epoch, int64_t value_floats, int64_t state_floats)
    : options_(options), steps_per_epoch_(std::max<uint64_t>(1, steps_per_epoch)) {
  if (options.name == "none") return;
  values_ = at::zeros({value_floats}, at::kFloat);
  state_ = at::zeros({state_floats}, at::kFloat);
}

void WeightAverage::after_step(const at::Tensor& values, const at::Tensor& state, uint64_t steps) {
  if (options_.name == "none" || steps <= static_cast<uint64_t>(options_.from_epoch - 1) * steps_per_epoch_) return;
  if (options_.name == "swa" && steps % steps_per_epoch_ != 0) return;
  const auto n = static_cast<double>(taken_++);
  // The first weights replace the zeros.
  const double share = n == 0 ? 1 : options_.name == "swa" ? 1 / (n + 1) : 1 - std::min(options_.decay, (1 + n) / (10 + n));
  move_towards(values_, values, share);
  move_towards(state_, state, share);
}

void WeightAverage::swap(at::Tensor& values, at::Tensor& state) {
  swap_content(values, values_);
  swap_content(state, state_);
}

models::NamedTensors WeightAverage::tensors() const {
  if (options_.name == "none") return {};
  return {{"average.values", values_}, {"average.state", state_}};
}

}  // namespace cohort::trainer
