#include "trainer/lane_step.h"

#include <cstring>

#include <fmt/format.h>

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <torch/csrc/autograd/autograd.h>
#include <ATen/core/grad_mode.h>

#include "models/block_scoring.h"

namespace cohort::trainer {
namespace {

/// Sets the replica's running state to the shared one, so that every lane of the step starts from the same.
void load_states(Replica& replica, const ModelState& state) {
  const at::NoGradGuard no_grad;
  const FlatLayout& layout = state.layout();
  const float* values = state.state().data_ptr<float>();
  for (std::size_t i = 0; i < replica.states.size(); ++i) {
    const FlatEntry& entry = layout.states()[i];
    std::memcpy(replica.states[i].data_ptr<float>(), values + (entry.offset - layout.state_begin()),
                static_cast<std::size_t>(entry.numel) * sizeof(float));
  }
}

/// The lane's running state, times its share of the rows: the tree's sum is then their mean.
void store_states(const Replica& replica, const FlatLayout& layout, double share, float* gradient) {
  for (std::size_t i = 0; i < replica.states.size(); ++i) {
    const FlatEntry& entry = layout.states()[i];
    const float* from = replica.states[i].data_ptr<float>();
    float* to = gradient + entry.offset;
    for (int64_t k = 0; k < entry.numel; ++k) to[k] = from[k] * static_cast<float>(share);
  }
}

void copy_gradient(const at::Tensor& from, const FlatEntry& entry, float* gradient) {
  const std::size_t bytes = static_cast<std::size_t>(entry.numel) * sizeof(float);
  if (!from.defined()) {
    std::memset(gradient + entry.offset, 0, bytes);  // a parameter this forward pass didn't use
  } else {
    std::memcpy(gradient + entry.offset, from.contiguous().data_ptr<float>(), bytes);
  }
}

/// Adds the vectors' gradients to their rows, in row order, and counts how often each row was seen.
void scatter_gradient(const at::Tensor& from, const models::TableSpec& spec, const datasets::RowBatch& rows, int64_t categorical_count,
                      float* table_gradient, float* seen) {
  std::memset(table_gradient, 0, static_cast<std::size_t>(spec.rows * spec.dim) * sizeof(float));
  std::memset(seen, 0, static_cast<std::size_t>(spec.rows) * sizeof(float));
  const at::Tensor vectors = from.defined() ? from.contiguous() : from;
  for (int64_t r = 0; r < rows.rows; ++r) {
    const int64_t id = rows.ids[r * categorical_count + spec.feature];
    seen[id] += 1;
    if (!vectors.defined()) continue;
    const float* vector = vectors.data_ptr<float>() + r * spec.dim;
    float* target = table_gradient + id * spec.dim;
    for (int64_t k = 0; k < spec.dim; ++k) target[k] += vector[k];
  }
}

}  // namespace

double lane_weight(const datasets::RowBatch& rows, const models::Objective& objective) {
  double sum = 0;
  for (int64_t r = 0; r < rows.rows; ++r) sum += static_cast<double>(rows.weights[r] * objective.class_weight(rows.labels[r]));
  return sum;
}

void compute_lane(Replica& replica, const ModelState& state, const models::Objective& objective, const StepContext& step, int64_t lane,
                  const datasets::RowBatch& rows, float* gradient) {
  const FlatLayout& layout = state.layout();
  if (rows.rows == 0) {
    std::memset(gradient, 0, static_cast<std::size_t>(layout.gradient_floats()) * sizeof(float));
    return;
  }
  const auto& tables = state.tables();
  const int64_t categorical_count = replica.categorical_count;
  load_states(replica, state);

  models::Batch batch;
  batch.dense = models::dense_view(rows, replica.dense_width);
  for (std::size_t t = 0; t < tables.size(); ++t)
    batch.embedded.push_back(models::look_up(state.table(t), tables[t], rows, categorical_count).requires_grad_(true));

  at::Tensor weights = at::empty({rows.rows}, at::kFloat);
  for (int64_t r = 0; r < rows.rows; ++r) weights.data_ptr<float>()[r] = rows.weights[r] * objective.class_weight(rows.labels[r]);
  const at::Tensor labels = at::from_blob(rows.labels, {rows.rows}, at::kFloat);

  models::Random random(step.seed, step.step, lane, true);
  const models::Outputs outputs = replica.net->forward(batch, random);
  const at::Tensor loss = objective.loss_sum(outputs, labels, weights) / step.global_weight;

  torch::autograd::variable_list inputs = replica.parameters;
  inputs.insert(inputs.end(), batch.embedded.begin(), batch.embedded.end());
  const torch::autograd::variable_list gradients =
      torch::autograd::grad({loss}, inputs, {}, /*retain_graph=*/false, /*create_graph=*/false, /*allow_unused=*/true);

  const at::NoGradGuard no_grad;
  const std::size_t dense = replica.parameters.size();
  for (std::size_t i = 0; i < dense; ++i) copy_gradient(gradients[i], layout.parameters()[i], gradient);
  for (std::size_t t = 0; t < tables.size(); ++t)
    scatter_gradient(gradients[dense + t], tables[t], rows, categorical_count, gradient + layout.tables()[t].offset,
                     gradient + layout.counts()[t].offset);
  store_states(replica, layout, static_cast<double>(rows.rows) / step.global_rows, gradient);
  gradient[layout.loss()] = loss.item<float>();
  gradient[layout.stop()] = 0;
}

}  // namespace cohort::trainer
