#include "trainer/optimizers/adagrad.h"

#include <cmath>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_adagrad.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include "trainer/optimizers/flat_ranges.h"
#include "trainer/optimizers/vector_code.h"

namespace cohort::trainer {
namespace {

/// Σ (g + decay·w)² over a row: eight sums side by side, by column modulo 8, then in pairs.
COHORT_VECTOR_CODE float sum_of_squares(const float* gradient, const float* values, int64_t n, float decay) {
  float sums[8] = {};
  int64_t i = 0;
  if (decay == 0) {
    for (; i + 8 <= n; i += 8)
      for (int64_t k = 0; k < 8; ++k) sums[k] += gradient[i + k] * gradient[i + k];
    for (; i < n; ++i) sums[i % 8] += gradient[i] * gradient[i];
  } else {
    for (; i < n; ++i) {
      const float g = gradient[i] + decay * values[i];
      sums[i % 8] += g * g;
    }
  }
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

COHORT_VECTOR_CODE void descend_row(float* values, const float* gradient, int64_t n, float size, float decay) {
  for (int64_t i = 0; i < n; ++i) values[i] -= size * (gradient[i] + decay * values[i]);
}

COHORT_VECTOR_CODE void descend_elements(float* values, float* sums, const float* gradient, int64_t n, float size, float decay, float epsilon) {
  for (int64_t i = 0; i < n; ++i) {
    const float g = gradient[i] + decay * values[i];
    sums[i] += g * g;
    values[i] -= size * g / (std::sqrt(sums[i]) + epsilon);
  }
}

/// Row-wise: one sum a row, of the mean square of its gradient, and the same size of step for all of its elements (as in fbgemm and TorchRec).
class AdagradRows final : public RowRule {
 public:
  explicit AdagradRows(const AdagradOptions& options) : options_(options), row_wise_(options.tables == "row_wise") {}
  std::vector<RowField> fields() const override { return {{"sum_of_squares", !row_wise_}}; }
  float initial() const override { return static_cast<float>(options_.initial); }
  bool whole_rows() const override { return row_wise_; }
  void update(std::span<const RowUpdate> rows, const RowStep& step) const override {
    const auto rate = static_cast<float>(step.rate * step.settings.rate_factor), decay = static_cast<float>(step.settings.weight_decay);
    const auto epsilon = static_cast<float>(options_.epsilon);
    for (const RowUpdate& row : rows) {
      if (row_wise_) {
        *row.state += sum_of_squares(row.gradient - step.first_column, row.values - step.first_column, step.dim, decay) / static_cast<float>(step.dim);
        descend_row(row.values, row.gradient, step.columns, rate / (std::sqrt(*row.state) + epsilon), decay);
      } else {
        descend_elements(row.values, row.state, row.gradient, step.columns, rate, decay, epsilon);
      }
    }
  }

  RowMath math(const RowStep& step) const override {
    return {.kind = row_wise_ ? RowMath::Kind::kRowWiseAdagrad : RowMath::Kind::kAdagrad, .rate = static_cast<float>(step.rate * step.settings.rate_factor),
            .decay = static_cast<float>(step.settings.weight_decay), .epsilon = static_cast<float>(options_.epsilon)};
  }

 private:
  AdagradOptions options_;
  bool row_wise_;
};

class Adagrad final : public Optimizer {
 public:
  Adagrad(const AdagradOptions& options, DenseShare share)
      : options_(options),
        layout_(share.layout),
        settings_(layout_, share.tables, options.groups, options.weight_decay, options.embedding_weight_decay),
        batches_(settings_.batches(share.owned)),
        rows_(options),
        sums_(options.initial == 0 ? at::zeros({layout_.parameter_floats()}) : at::full({layout_.parameter_floats()}, options.initial, at::kFloat)) {}
  double base_rate() const override { return options_.rate; }
  const RowRule& row_rule() const override { return rows_; }
  const std::vector<UpdateSettings>& table_settings() const override { return settings_.tables(); }

  void step(at::Tensor& values, float* gradient, uint64_t step, double rate, core::Communicator&) override {
    move(values, as_tensor(gradient, layout_), rate, at::full({}, static_cast<double>(step + 1), at::kFloat), {});
  }
  void step_on_device(at::Tensor& values, const DeviceUpdate& update) override { move(values, update.gradient, update.rate, update.count, update.skip); }
  void move_to(c10::Device where) override { sums_ = sums_.to(where); }
  models::NamedTensors state() const override { return {{"sum_of_squares", sums_}}; }

 private:
  template <class Rate>
  void move(at::Tensor& values, const at::Tensor& gradient, const Rate& rate, const at::Tensor& count, const std::optional<at::Tensor>& skip) {
    const at::NoGradGuard no_grad;
    for (const ParameterSettings::Batch& batch : batches_) {
      const std::vector<at::Tensor> counts(batch.ranges.size(), count);
      at::_fused_adagrad_(ranges_of(values, batch.ranges), ranges_of(gradient, batch.ranges), ranges_of(sums_, batch.ranges), counts,
                          rate_times(rate, batch.settings.rate_factor), /*lr_decay=*/0.0, batch.settings.weight_decay, options_.epsilon, /*maximize=*/false, {}, skip);
    }
  }

  AdagradOptions options_;
  const FlatLayout& layout_;
  ParameterSettings settings_;
  std::vector<ParameterSettings::Batch> batches_;
  AdagradRows rows_;
  at::Tensor sums_;
};

}  // namespace

void AdagradOptions::describe(core::Describe<AdagradOptions>& d) {
  using O = AdagradOptions;
  d.field("rate", &O::rate, "learning rate before the schedule").above(0).max(1000);
  d.field("epsilon", &O::epsilon, "added to the root of the sum of squares").above(0);
  d.field("initial", &O::initial, "what the sums of squares begin with").min(0);
  d.field("weight_decay", &O::weight_decay, "L2 penalty of matrices; biases and normalisation are spared").min(0);
  d.field("embedding_weight_decay", &O::embedding_weight_decay, "L2 penalty of the embedding rows seen in a step").min(0);
  d.field("tables", &O::tables, "what embedding tables keep sums of squares for: row_wise one a row, element_wise one a number").one_of({"row_wise", "element_wise"});
  d.tables("groups", &O::groups, "parameters with a rate or decay of their own");
}

std::unique_ptr<Optimizer> make_adagrad(const AdagradOptions& options, DenseShare share) {
  return std::make_unique<Adagrad>(options, std::move(share));
}

}  // namespace cohort::trainer
