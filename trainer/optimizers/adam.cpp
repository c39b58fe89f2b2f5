#include "trainer/optimizers/adam.h"

#include <cmath>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include "trainer/optimizers/flat_ranges.h"

namespace cohort::trainer {
namespace {

template <class Options>
void describe_moments(core::Describe<Options>& d, const std::string& decay, const std::string& table_decay) {
  // The members are the base's.
  const auto number = [](double MomentOptions::*member) { return static_cast<double Options::*>(member); };
  d.field("rate", number(&MomentOptions::rate), "learning rate before the schedule").above(0).max(10);
  d.field("beta1", number(&MomentOptions::beta1), "decay of the first moment").min(0).below(1);
  d.field("beta2", number(&MomentOptions::beta2), "decay of the second moment").min(0).below(1);
  d.field("epsilon", number(&MomentOptions::epsilon), "added to the root of the second moment").above(0);
  d.field("weight_decay", number(&MomentOptions::weight_decay), decay).min(0);
  d.field("embedding_weight_decay", number(&MomentOptions::embedding_weight_decay), table_decay).min(0);
  d.tables("groups", static_cast<std::vector<ParameterGroup> Options::*>(&MomentOptions::groups), "parameters with a rate or decay of their own");
}

/// Two moments of each parameter, and the update of table rows that all three share.
class Moments : public Optimizer {
 public:
  Moments(const MomentOptions& options, bool decoupled, const FlatLayout& layout)
      : options_(options),
        decoupled_(decoupled),
        layout_(layout),
        settings_(layout, options.groups, options.weight_decay, options.embedding_weight_decay),
        first_(at::zeros({layout.parameter_floats()})),
        second_(at::zeros({layout.parameter_floats()})) {}
  double base_rate() const override { return options_.rate; }
  models::NamedTensors state() const override { return {{"optimizer.first_moment", first_}, {"optimizer.second_moment", second_}}; }

 protected:
  void step_tables(float* values, const float* gradient, uint64_t step, double rate) {
    const double t = static_cast<double>(step + 1);
    const auto root_correction = static_cast<float>(std::sqrt(1 - std::pow(options_.beta2, t)));
    const auto beta1 = static_cast<float>(options_.beta1), beta2 = static_cast<float>(options_.beta2);
    const auto epsilon = static_cast<float>(options_.epsilon);
    float* first = first_.data_ptr<float>();
    float* second = second_.data_ptr<float>();
    for_rows_seen(layout_, settings_, gradient, [&](int64_t offset, int64_t dim, const ParameterRun& run) {
      const double own_rate = rate * run.rate_factor;
      const auto step_size = static_cast<float>(own_rate / (1 - std::pow(options_.beta1, t)));
      const auto keep = static_cast<float>(decoupled_ ? 1 - own_rate * run.weight_decay : 1);
      const auto penalty = static_cast<float>(decoupled_ ? 0 : run.weight_decay);
      for (int64_t i = offset; i < offset + dim; ++i) {
        const float g = gradient[i] + penalty * values[i];
        first[i] = beta1 * first[i] + (1 - beta1) * g;
        second[i] = beta2 * second[i] + (1 - beta2) * g * g;
        values[i] = values[i] * keep - step_size * first[i] / (std::sqrt(second[i]) / root_correction + epsilon);
      }
    });
  }

  MomentOptions options_;
  bool decoupled_;
  const FlatLayout& layout_;
  ParameterSettings settings_;
  at::Tensor first_, second_;
};

class Adam final : public Moments {
 public:
  using Moments::Moments;

  void step(at::Tensor& values, float* gradient, uint64_t step, double rate) override {
    const at::NoGradGuard no_grad;
    const at::Tensor flat = as_tensor(gradient, layout_);
    for (const ParameterRun& run : settings_.runs()) {
      // The kernel reads the number of this step, from 1 on.
      const at::Tensor count = at::full({}, static_cast<double>(step + 1), at::kFloat);
      const std::vector<at::Tensor> w{range_of(values, run)}, g{range_of(flat, run)}, m{range_of(first_, run)}, v{range_of(second_, run)};
      const double own_rate = rate * run.rate_factor;
      if (decoupled_) {
        at::_fused_adamw_(w, g, m, v, {}, {count}, own_rate, options_.beta1, options_.beta2, run.weight_decay, options_.epsilon, /*amsgrad=*/false,
                          /*maximize=*/false);
      } else {
        at::_fused_adam_(w, g, m, v, {}, {count}, own_rate, options_.beta1, options_.beta2, run.weight_decay, options_.epsilon, /*amsgrad=*/false,
                         /*maximize=*/false);
      }
    }
    step_tables(values.data_ptr<float>(), gradient, step, rate);
  }
};

/// Algorithm 2 of You et al. 2020, with φ the identity: the update of each parameter is scaled by |w| / |update|, where neither is 0.
class Lamb final : public Moments {
 public:
  using Moments::Moments;

  void step(at::Tensor& values, float* gradient, uint64_t step, double rate) override {
    const double t = static_cast<double>(step + 1);
    const auto correction1 = static_cast<float>(1 - std::pow(options_.beta1, t)), correction2 = static_cast<float>(1 - std::pow(options_.beta2, t));
    const auto beta1 = static_cast<float>(options_.beta1), beta2 = static_cast<float>(options_.beta2);
    const auto epsilon = static_cast<float>(options_.epsilon);
    float* const w = values.data_ptr<float>();
    float* const first = first_.data_ptr<float>();
    float* const second = second_.data_ptr<float>();
    for (const ParameterRun& run : settings_.parameters()) {
      const auto decay = static_cast<float>(run.weight_decay);
      // Norms a parameter at a time, in double and in order. The update takes the gradient's place.
      double norm = 0, update_norm = 0;
      for (int64_t i = run.begin; i < run.begin + run.floats; ++i) {
        const float g = gradient[i];
        first[i] = beta1 * first[i] + (1 - beta1) * g;
        second[i] = beta2 * second[i] + (1 - beta2) * g * g;
        gradient[i] = first[i] / correction1 / (std::sqrt(second[i] / correction2) + epsilon) + decay * w[i];
        norm += static_cast<double>(w[i]) * static_cast<double>(w[i]);
        update_norm += static_cast<double>(gradient[i]) * static_cast<double>(gradient[i]);
      }
      const double trust = norm > 0 && update_norm > 0 ? std::sqrt(norm / update_norm) : 1;
      const auto size = static_cast<float>(rate * run.rate_factor * trust);
      for (int64_t i = run.begin; i < run.begin + run.floats; ++i) w[i] -= size * gradient[i];
    }
    step_tables(w, gradient, step, rate);
  }
};

}  // namespace

void AdamOptions::describe(core::Describe<AdamOptions>& d) {
  describe_moments(d, "L2 penalty of matrices, part of the gradient; biases and normalisation are spared", "L2 penalty of the embedding rows seen in a step");
}

void AdamWOptions::describe(core::Describe<AdamWOptions>& d) {
  describe_moments(d, "decoupled decay of matrices; biases and normalisation are spared", "decoupled decay of the embedding rows seen in a step");
}

void LambOptions::describe(core::Describe<LambOptions>& d) {
  describe_moments(d, "decay of matrices, inside the trust ratio; biases and normalisation are spared", "decoupled decay of the embedding rows seen in a step");
}

std::unique_ptr<Optimizer> make_adam(const MomentOptions& options, bool decoupled, const FlatLayout& layout) {
  return std::make_unique<Adam>(options, decoupled, layout);
}

std::unique_ptr<Optimizer> make_lamb(const MomentOptions& options, const FlatLayout& layout) { return std::make_unique<Lamb>(options, true, layout); }

}  // namespace cohort::trainer
