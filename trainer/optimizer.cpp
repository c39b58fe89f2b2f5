#include "trainer/optimizer.h"

#include <cmath>

#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <ATen/core/grad_mode.h>

namespace cohort::trainer {
namespace {

/// [begin, begin + floats) of a flat buffer; padded ranges, so the kernels' vector bodies alone run.
at::Tensor range(const at::Tensor& flat, int64_t begin, int64_t floats) { return flat.narrow(0, begin, floats); }

/// The dense parameters in at most two runs: those that decay, and those that don't.
struct Run {
  int64_t begin, floats;
  double weight_decay;
};
std::vector<Run> runs_of(const FlatLayout& layout, double weight_decay) {
  std::vector<Run> runs;
  if (layout.decayed() > 0) runs.push_back({0, layout.decayed(), weight_decay});
  if (layout.dense() > layout.decayed()) runs.push_back({layout.decayed(), layout.dense() - layout.decayed(), 0});
  return runs;
}

/// Calls update(offset of the row, dim) for each table row seen in the step.
template <class F>
void for_rows_seen(const FlatLayout& layout, const float* gradient, F&& update) {
  for (std::size_t t = 0; t < layout.tables().size(); ++t) {
    const FlatEntry& table = layout.tables()[t];
    const float* seen = gradient + layout.counts()[t].offset;
    const int64_t dim = table.shape[1];
    for (int64_t row = 0; row < table.shape[0]; ++row)
      if (seen[row] > 0) update(table.offset + row * dim, dim);
  }
}

class AdamW final : public Optimizer {
 public:
  AdamW(const AdamWOptions& options, const FlatLayout& layout)
      : options_(options), layout_(layout), first_(at::zeros({layout.parameter_floats()})), second_(at::zeros({layout.parameter_floats()})) {}
  double base_rate() const override { return options_.rate; }

  void step(at::Tensor& values, float* gradient, uint64_t step, double rate) override {
    const at::NoGradGuard no_grad;
    const at::Tensor flat = at::from_blob(gradient, {layout_.parameter_floats()}, at::kFloat);
    for (const Run& run : runs_of(layout_, options_.weight_decay)) {
      // The kernel reads the number of this step, from 1 on.
      const at::Tensor count = at::full({}, static_cast<double>(step + 1), at::kFloat);
      at::_fused_adamw_({range(values, run.begin, run.floats)}, {range(flat, run.begin, run.floats)},
                        {range(first_, run.begin, run.floats)}, {range(second_, run.begin, run.floats)}, {}, {count}, rate,
                        options_.beta1, options_.beta2, run.weight_decay, options_.epsilon, /*amsgrad=*/false, /*maximize=*/false);
    }
    step_tables(values.data_ptr<float>(), gradient, step, rate);
  }
  models::NamedTensors state() const override { return {{"optimizer.first_moment", first_}, {"optimizer.second_moment", second_}}; }

 private:
  /// AdamW on rows seen alone ("lazy"): Loshchilov & Hutter 2019, alg. 2, moments of other rows standing still.
  void step_tables(float* values, const float* gradient, uint64_t step, double rate) {
    const double t = static_cast<double>(step + 1);
    const auto step_size = static_cast<float>(rate / (1 - std::pow(options_.beta1, t)));
    const auto root_correction = static_cast<float>(std::sqrt(1 - std::pow(options_.beta2, t)));
    const auto beta1 = static_cast<float>(options_.beta1), beta2 = static_cast<float>(options_.beta2);
    const auto epsilon = static_cast<float>(options_.epsilon);
    const auto keep = static_cast<float>(1 - rate * options_.embedding_weight_decay);
    float* first = first_.data_ptr<float>();
    float* second = second_.data_ptr<float>();
    for_rows_seen(layout_, gradient, [&](int64_t offset, int64_t dim) {
      for (int64_t i = offset; i < offset + dim; ++i) {
        const float g = gradient[i];
        first[i] = beta1 * first[i] + (1 - beta1) * g;
        second[i] = beta2 * second[i] + (1 - beta2) * g * g;
        values[i] = values[i] * keep - step_size * first[i] / (std::sqrt(second[i]) / root_correction + epsilon);
      }
    });
  }
  AdamWOptions options_;
  const FlatLayout& layout_;
  at::Tensor first_, second_;
};

class Sgd final : public Optimizer {
 public:
  Sgd(const SgdOptions& options, const FlatLayout& layout)
      : options_(options), layout_(layout), momentum_(at::zeros({layout.parameter_floats()})) {}
  double base_rate() const override { return options_.rate; }

  void step(at::Tensor& values, float* gradient, uint64_t, double rate) override {
    const at::NoGradGuard no_grad;
    const at::Tensor flat = at::from_blob(gradient, {layout_.parameter_floats()}, at::kFloat);
    // A momentum buffer of zeros makes the first step like all others: zero times momentum plus the gradient.
    for (const Run& run : runs_of(layout_, options_.weight_decay))
      at::_fused_sgd_({range(values, run.begin, run.floats)}, {range(flat, run.begin, run.floats)},
                      {range(momentum_, run.begin, run.floats)}, run.weight_decay, options_.momentum, rate, /*dampening=*/0.0,
                      options_.nesterov, /*maximize=*/false, /*is_first_step=*/false);
    step_tables(values.data_ptr<float>(), gradient, rate);
  }
  models::NamedTensors state() const override { return {{"optimizer.momentum", momentum_}}; }

 private:
  void step_tables(float* values, const float* gradient, double rate) {
    const auto r = static_cast<float>(rate), decay = static_cast<float>(options_.embedding_weight_decay);
    const auto momentum = static_cast<float>(options_.momentum);
    float* velocity = momentum_.data_ptr<float>();
    for_rows_seen(layout_, gradient, [&](int64_t offset, int64_t dim) {
      for (int64_t i = offset; i < offset + dim; ++i) {
        const float g = gradient[i] + decay * values[i];
        velocity[i] = momentum * velocity[i] + g;
        values[i] -= r * (options_.nesterov ? g + momentum * velocity[i] : velocity[i]);
      }
    });
  }
  SgdOptions options_;
  const FlatLayout& layout_;
  at::Tensor momentum_;
};

double sum_of_squares(const float* values, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  return sum;
}

}  // namespace

void AdamWOptions::describe(core::Describe<AdamWOptions>& d) {
  using O = AdamWOptions;
  d.field("rate", &O::rate, "learning rate before the schedule").above(0).max(10);
  d.field("beta1", &O::beta1, "decay of the first moment").min(0).below(1);
  d.field("beta2", &O::beta2, "decay of the second moment").min(0).below(1);
  d.field("epsilon", &O::epsilon, "added to the root of the second moment").above(0);
  d.field("weight_decay", &O::weight_decay, "decoupled decay of matrices; biases and normalisation are spared").min(0);
  d.field("embedding_weight_decay", &O::embedding_weight_decay, "decoupled decay of the embedding rows seen in a step").min(0);
}

void SgdOptions::describe(core::Describe<SgdOptions>& d) {
  using O = SgdOptions;
  d.field("rate", &O::rate, "learning rate before the schedule").above(0).max(1000);
  d.field("momentum", &O::momentum, "share of the last update that goes on").min(0).below(1);
  d.field("nesterov", &O::nesterov, "look ahead along the momentum");
  d.field("weight_decay", &O::weight_decay, "L2 penalty of matrices; biases and normalisation are spared").min(0);
  d.field("embedding_weight_decay", &O::embedding_weight_decay, "L2 penalty of the embedding rows seen in a step").min(0);
  d.rule("nesterov", [](const O& o) { return std::string(o.nesterov && o.momentum == 0 ? "nesterov needs momentum above 0" : ""); },
         "set momentum, e.g. 0.9, or nesterov = false");
}

const core::Alternatives& optimizer_alternatives() {
  static const core::Alternatives alternatives = {
      {"adamw", {&core::Schema::of<AdamWOptions>(), "Adam with decoupled weight decay (Loshchilov & Hutter 2019)"}},
      {"sgd", {&core::Schema::of<SgdOptions>(), "stochastic gradient descent with momentum"}},
  };
  return alternatives;
}

std::unique_ptr<Optimizer> make_optimizer(const core::Choice& choice, const FlatLayout& layout) {
  if (choice.name() == "sgd") return std::make_unique<Sgd>(choice.as<SgdOptions>(), layout);
  return std::make_unique<AdamW>(choice.as<AdamWOptions>(), layout);
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
