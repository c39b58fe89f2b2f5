#include "trainer/optimizer.h"

#include <cmath>

#include "trainer/optimizers/adagrad.h"
#include "trainer/optimizers/adam.h"
#include "trainer/optimizers/sgd.h"

namespace cohort::trainer {
namespace {

double sum_of_squares(const float* values, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  return sum;
}

}  // namespace

const core::Alternatives& optimizer_alternatives() {
  static const core::Alternatives alternatives = {
      {"adagrad", {&core::Schema::of<AdagradOptions>(), "Adagrad, row-wise for embedding tables (Duchi, Hazan & Singer 2011)"}},
      {"adam", {&core::Schema::of<AdamOptions>(), "Adam with an L2 penalty (Kingma & Ba 2015)"}},
      {"adamw", {&core::Schema::of<AdamWOptions>(), "Adam with decoupled weight decay (Loshchilov & Hutter 2019)"}},
      {"lamb", {&core::Schema::of<LambOptions>(), "Adam with a trust ratio a parameter, for large batches (You et al. 2020)"}},
      {"sgd", {&core::Schema::of<SgdOptions>(), "stochastic gradient descent with momentum"}},
  };
  return alternatives;
}

std::unique_ptr<Optimizer> make_optimizer(const core::Choice& choice, const FlatLayout& layout) {
  if (choice.name() == "adagrad") return make_adagrad(choice.as<AdagradOptions>(), layout);
  if (choice.name() == "adam") return make_adam(choice.as<AdamOptions>(), false, layout);
  if (choice.name() == "lamb") return make_lamb(choice.as<LambOptions>(), layout);
  if (choice.name() == "sgd") return make_sgd(choice.as<SgdOptions>(), layout);
  return make_adam(choice.as<AdamWOptions>(), true, layout);
}

double clip_gradient(const FlatLayout& layout, float* gradient, double max_norm) {
  double sum = 0;
  for (const FlatEntry& entry : layout.parameters()) sum += sum_of_squares(gradient + entry.offset, entry.numel);
  for (const FlatEntry& entry : layout.tables()) sum += sum_of_squares(gradient + entry.offset, entry.numel);
  const double norm = std::sqrt(sum);
  if (std::isfinite(norm) && norm > max_norm) {
    const auto scale = static_cast<float>(max_norm / (norm + 1e-6));
    for (int64_t i = 0; i < layout.parameter_floats(); ++i) gradient[i] *= scale;
  }
  return norm;
}

}  // namespace cohort::trainer
