#include "trainer/optimizers/sgd.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/zeros.h>

#include "trainer/optimizers/flat_ranges.h"

namespace cohort::trainer {
namespace {

class Sgd final : public Optimizer {
 public:
  Sgd(const SgdOptions& options, const FlatLayout& layout)
      : options_(options),
        layout_(layout),
        settings_(layout, options.groups, options.weight_decay, options.embedding_weight_decay),
        momentum_(at::zeros({layout.parameter_floats()})) {}
  double base_rate() const override { return options_.rate; }

  void step(at::Tensor& values, float* gradient, uint64_t, double rate) override {
    const at::NoGradGuard no_grad;
    const at::Tensor flat = as_tensor(gradient, layout_);
    // A momentum buffer of zeros makes the first step like all others: zero times momentum plus the gradient.
    for (const ParameterRun& run : settings_.runs()) {
      std::vector<at::Tensor> velocity;  // the kernel wants none where there is no momentum
      if (options_.momentum > 0) velocity.push_back(range_of(momentum_, run));
      at::_fused_sgd_({range_of(values, run)}, {range_of(flat, run)}, velocity, run.weight_decay, options_.momentum,
                      rate * run.rate_factor, /*dampening=*/0.0, options_.nesterov, /*maximize=*/false, /*is_first_step=*/false);
    }
    step_tables(values.data_ptr<float>(), gradient, rate);
  }
  models::NamedTensors state() const override { return {{"optimizer.momentum", momentum_}}; }

 private:
  void step_tables(float* values, const float* gradient, double rate) {
    const auto momentum = static_cast<float>(options_.momentum);
    float* velocity = momentum_.data_ptr<float>();
    for_rows_seen(layout_, settings_, gradient, [&](int64_t offset, int64_t dim, const ParameterRun& run) {
      const auto r = static_cast<float>(rate * run.rate_factor), decay = static_cast<float>(run.weight_decay);
      for (int64_t i = offset; i < offset + dim; ++i) {
        const float g = gradient[i] + decay * values[i];
        velocity[i] = momentum * velocity[i] + g;
        values[i] -= r * (options_.nesterov ? g + momentum * velocity[i] : velocity[i]);
      }
    });
  }

  SgdOptions options_;
  const FlatLayout& layout_;
  ParameterSettings settings_;
  at::Tensor momentum_;
};

}  // namespace

void SgdOptions::describe(core::Describe<SgdOptions>& d) {
  using O = SgdOptions;
  d.field("rate", &O::rate, "learning rate before the schedule").above(0).max(1000);
  d.field("momentum", &O::momentum, "share of the last update that goes on").min(0).below(1);
  d.field("nesterov", &O::nesterov, "look ahead along the momentum");
  d.field("weight_decay", &O::weight_decay, "L2 penalty of matrices; biases and normalisation are spared").min(0);
  d.field("embedding_weight_decay", &O::embedding_weight_decay, "L2 penalty of the embedding rows seen in a step").min(0);
  d.tables("groups", &O::groups, "parameters with a rate or decay of their own");
  d.rule("nesterov", [](const O& o) { return std::string(o.nesterov && o.momentum == 0 ? "nesterov needs momentum above 0" : ""); },
         "set momentum, e.g. 0.9, or nesterov = false");
}

std::unique_ptr<Optimizer> make_sgd(const SgdOptions& options, const FlatLayout& layout) { return std::make_unique<Sgd>(options, layout); }

}  // namespace cohort::trainer
