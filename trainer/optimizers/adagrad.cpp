#include "trainer/optimizers/adagrad.h"

#include <cmath>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_adagrad.h>
#include <ATen/ops/full.h>

#include "trainer/optimizers/flat_ranges.h"

namespace cohort::trainer {
namespace {

class Adagrad final : public Optimizer {
 public:
  Adagrad(const AdagradOptions& options, const FlatLayout& layout)
      : options_(options),
        layout_(layout),
        settings_(layout, options.groups, options.weight_decay, options.embedding_weight_decay),
        row_wise_(options.tables == "row_wise"),
        sums_(at::full({row_wise_ ? layout.dense() : layout.parameter_floats()}, options.initial, at::kFloat)) {
    int64_t rows = 0;
    for (const FlatEntry& table : layout.tables()) {
      first_row_.push_back(rows);
      rows += table.shape[0];
    }
    row_sums_ = at::full({row_wise_ ? rows : 0}, options.initial, at::kFloat);
  }
  double base_rate() const override { return options_.rate; }

  void step(at::Tensor& values, float* gradient, uint64_t step, double rate) override {
    const at::NoGradGuard no_grad;
    const at::Tensor flat = as_tensor(gradient, layout_);
    for (const ParameterRun& run : settings_.runs()) {
      const at::Tensor count = at::full({}, static_cast<double>(step + 1), at::kFloat);
      at::_fused_adagrad_({range_of(values, run)}, {range_of(flat, run)}, {range_of(sums_, run)}, {count}, rate * run.rate_factor, /*lr_decay=*/0.0,
                          run.weight_decay, options_.epsilon, /*maximize=*/false);
    }
    if (row_wise_) step_rows(values.data_ptr<float>(), gradient, rate);
    else step_elements(values.data_ptr<float>(), gradient, rate);
  }
  models::NamedTensors state() const override {
    models::NamedTensors state{{"optimizer.sum_of_squares", sums_}};
    if (row_wise_) state.emplace_back("optimizer.row_sums_of_squares", row_sums_);
    return state;
  }

 private:
  /// One sum a row: a dim-th of the memory, and the same size of step for all of a row's elements (as in fbgemm and TorchRec).
  void step_rows(float* values, const float* gradient, double rate) {
    float* const sums = row_sums_.data_ptr<float>();
    const auto epsilon = static_cast<float>(options_.epsilon);
    std::size_t table = 0;
    for_rows_seen(layout_, settings_, gradient, [&](int64_t offset, int64_t dim, const ParameterRun& run) {
      while (layout_.tables()[table].offset != run.begin) ++table;
      float& sum = sums[first_row_[table] + (offset - run.begin) / dim];
      const auto decay = static_cast<float>(run.weight_decay);
      float squares = 0;
      for (int64_t i = offset; i < offset + dim; ++i) {
        const float g = gradient[i] + decay * values[i];
        squares += g * g;
      }
      sum += squares / static_cast<float>(dim);
      const float size = static_cast<float>(rate * run.rate_factor) / (std::sqrt(sum) + epsilon);
      for (int64_t i = offset; i < offset + dim; ++i) values[i] -= size * (gradient[i] + decay * values[i]);
    });
  }

  void step_elements(float* values, const float* gradient, double rate) {
    float* const sums = sums_.data_ptr<float>();
    const auto epsilon = static_cast<float>(options_.epsilon);
    for_rows_seen(layout_, settings_, gradient, [&](int64_t offset, int64_t dim, const ParameterRun& run) {
      const auto size = static_cast<float>(rate * run.rate_factor), decay = static_cast<float>(run.weight_decay);
      for (int64_t i = offset; i < offset + dim; ++i) {
        const float g = gradient[i] + decay * values[i];
        sums[i] += g * g;
        values[i] -= size * g / (std::sqrt(sums[i]) + epsilon);
      }
    });
  }

  AdagradOptions options_;
  const FlatLayout& layout_;
  ParameterSettings settings_;
  bool row_wise_;
  std::vector<int64_t> first_row_;  ///< of each table, in row_sums_
  at::Tensor sums_, row_sums_;
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

std::unique_ptr<Optimizer> make_adagrad(const AdagradOptions& options, const FlatLayout& layout) { return std::make_unique<Adagrad>(options, layout); }

}  // namespace cohort::trainer
