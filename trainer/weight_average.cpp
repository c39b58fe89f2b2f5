#include "trainer/weight_average.h"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>

namespace cohort::trainer {
namespace {

void move_towards(at::Tensor& average, const at::Tensor& now, double share) {
  if (!average.is_cpu()) {
    average.add_(now - average, share);
    return;
  }
  float* const a = average.data_ptr<float>();
  const float* const b = now.data_ptr<float>();
  const auto part = static_cast<float>(share);
  for (int64_t i = 0; i < average.numel(); ++i) a[i] += part * (b[i] - a[i]);
}

void swap_content(at::Tensor& a, at::Tensor& b) {
  if (a.is_cpu()) {
    std::swap_ranges(a.data_ptr<float>(), a.data_ptr<float>() + a.numel(), b.data_ptr<float>());
    return;
  }
  const at::Tensor kept = a.clone();
  a.copy_(b);
  b.copy_(kept);
}

}  // namespace

void AveragingOptions::describe(core::Describe<AveragingOptions>& d) {
  using O = AveragingOptions;
  d.field("name", &O::name, "ema: an exponential average over steps; swa: the mean over the ends of epochs. It is evaluated, and kept as the result").one_of({"none", "ema", "swa"});
  d.field("decay", &O::decay, "ema: what stays of the average at each step").above(0).below(1);
  d.field("from_epoch", &O::from_epoch, "the first epoch that counts").min(1).unit("epochs");
}

WeightAverage::WeightAverage(const AveragingOptions& options, uint64_t steps_per_epoch, std::vector<at::Tensor> weights)
    : options_(options), steps_per_epoch_(std::max<uint64_t>(1, steps_per_epoch)) {
  if (options.name == "none") return;
  weights_ = std::move(weights);
  for (const at::Tensor& part : weights_) average_.push_back(at::zeros(part.sizes(), part.options()));
}

void WeightAverage::after_step(uint64_t steps) {
  if (options_.name == "none" || steps <= static_cast<uint64_t>(options_.from_epoch - 1) * steps_per_epoch_) return;
  if (options_.name == "swa" && steps % steps_per_epoch_ != 0) return;
  const auto n = static_cast<double>(taken_++);
  // The first weights replace the zeros.
  const at::NoGradGuard no_grad;
  const double share = n == 0 ? 1 : options_.name == "swa" ? 1 / (n + 1) : 1 - std::min(options_.decay, (1 + n) / (10 + n));
  for (std::size_t i = 0; i < average_.size(); ++i) move_towards(average_[i], weights_[i], share);
}

void WeightAverage::swap() {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < average_.size(); ++i) swap_content(weights_[i], average_[i]);
}

}  // namespace cohort::trainer
