#include "trainer/optimizers/sgd.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/zeros.h>

#include "trainer/optimizers/flat_ranges.h"
#include "trainer/optimizers/vector_code.h"

namespace cohort::trainer {
namespace {

COHORT_VECTOR_CODE void descend(float* values, const float* gradient, int64_t n, float rate, float decay) {
  for (int64_t i = 0; i < n; ++i) values[i] -= rate * (gradient[i] + decay * values[i]);
}

COHORT_VECTOR_CODE void descend_with_momentum(float* values, float* velocity, const float* gradient, int64_t n, float rate, float decay, float momentum,
                                              bool nesterov) {
  for (int64_t i = 0; i < n; ++i) {
    const float g = gradient[i] + decay * values[i];
    velocity[i] = momentum * velocity[i] + g;
    values[i] -= rate * (nesterov ? g + momentum * velocity[i] : velocity[i]);
  }
}

class SgdRows final : public RowRule {
 public:
  explicit SgdRows(const SgdOptions& options) : options_(options) {}
  std::vector<RowField> fields() const override {
    return options_.momentum > 0 ? std::vector<RowField>{{"momentum", true}} : std::vector<RowField>{};
  }
  void update(std::span<const RowUpdate> rows, const RowStep& step) const override {
    const auto rate = static_cast<float>(step.rate * step.settings.rate_factor), decay = static_cast<float>(step.settings.weight_decay);
    for (const RowUpdate& row : rows) {
      if (options_.momentum > 0)
        descend_with_momentum(row.values, row.state, row.gradient, step.columns, rate, decay, static_cast<float>(options_.momentum), options_.nesterov);
      else
        descend(row.values, row.gradient, step.columns, rate, decay);
    }
  }

  RowMath math(const RowStep& step) const override {
    return {.kind = options_.momentum > 0 ? RowMath::Kind::kMomentum : RowMath::Kind::kDescend, .rate = static_cast<float>(step.rate * step.settings.rate_factor),
            .decay = static_cast<float>(step.settings.weight_decay), .momentum = static_cast<float>(options_.momentum), .nesterov = options_.nesterov};
  }

 private:
  SgdOptions options_;
};

class Sgd final : public Optimizer {
 public:
  Sgd(const SgdOptions& options, DenseShare share)
      : options_(options),
        layout_(share.layout),
        settings_(layout_, share.tables, options.groups, options.weight_decay, options.embedding_weight_decay),
        batches_(settings_.batches(share.owned)),
        rows_(options),
        momentum_(at::zeros({options.momentum > 0 ? layout_.parameter_floats() : 0})) {}
  double base_rate() const override { return options_.rate; }
  const RowRule& row_rule() const override { return rows_; }
  const std::vector<UpdateSettings>& table_settings() const override { return settings_.tables(); }

  void step(at::Tensor& values, float* gradient, uint64_t, double rate, core::Communicator&) override { move(values, as_tensor(gradient, layout_), rate, {}); }
  void step_on_device(at::Tensor& values, const DeviceUpdate& update) override { move(values, update.gradient, update.rate, update.skip); }
  void move_to(c10::Device where) override { momentum_ = momentum_.to(where); }
  models::NamedTensors state() const override {
    return options_.momentum > 0 ? models::NamedTensors{{"momentum", momentum_}} : models::NamedTensors{};
  }

 private:
  template <class Rate>
  void move(at::Tensor& values, const at::Tensor& gradient, const Rate& rate, const std::optional<at::Tensor>& skip) {
    const at::NoGradGuard no_grad;
    // A momentum buffer of zeros makes the first step like all others: zero times momentum plus the gradient.
    for (const ParameterSettings::Batch& batch : batches_) {
      std::vector<at::Tensor> velocity;  // the kernel wants none where there is no momentum
      if (options_.momentum > 0) velocity = ranges_of(momentum_, batch.ranges);
      at::_fused_sgd_(ranges_of(values, batch.ranges), ranges_of(gradient, batch.ranges), velocity, batch.settings.weight_decay, options_.momentum,
                      rate_times(rate, batch.settings.rate_factor), /*dampening=*/0.0, options_.nesterov, /*maximize=*/false, /*is_first_step=*/false, {}, skip);
    }
  }

  SgdOptions options_;
  const FlatLayout& layout_;
  ParameterSettings settings_;
  std::vector<ParameterSettings::Batch> batches_;
  SgdRows rows_;
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

std::unique_ptr<Optimizer> make_sgd(const SgdOptions& options, DenseShare share) { return std::make_unique<Sgd>(options, std::move(share)); }

}  // namespace cohort::trainer
