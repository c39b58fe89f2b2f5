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
void store_states(const Replica& replica, const FlatLayout& layout, double share, float* tail) {
  for (std::size_t i = 0; i < replica.states.size(); ++i) {
    const FlatEntry& entry = layout.states()[i];
    const float* from = replica.states[i].data_ptr<float>();
    float* to = tail + (entry.offset - layout.tail().begin);
    for (int64_t k = 0; k < entry.numel; ++k) to[k] = from[k] * static_cast<float>(share);
  }
}

void take_leaves(const std::vector<at::Tensor>& embedded, bool scaled, LaneGradient& gradient) {
  for (const at::Tensor& leaf : embedded) {
    if (!leaf.grad().defined()) continue;
    const at::Tensor values = leaf.grad().contiguous();
    if (!scaled) {
      gradient.check(values.data_ptr<float>(), values.numel());
      continue;
    }
    // Not in place: leaves may share the memory of a gradient.
    const at::Tensor plain = at::empty(values.sizes(), at::kFloat);
    gradient.take_scale_off(values.data_ptr<float>(), values.numel(), plain.data_ptr<float>());
    leaf.mutable_grad() = plain;
  }
}

models::Outputs forward(models::Net& net, const models::Batch& batch, models::Random& random, models::Precision precision) {
  models::Outputs outputs;
  {
    const models::Autocast lower(precision);
    outputs = net.forward(batch, random);
  }
  for (auto& [name, values] : outputs) values = values.to(at::kFloat);
  return outputs;
}

}  // namespace

double lane_weight(const datasets::RowBatch& rows, const models::Objective& objective) {
  double sum = 0;
  for (int64_t r = 0; r < rows.rows; ++r) sum += static_cast<double>(rows.weights[r] * objective.class_weight(rows.labels[r]));
  return sum;
}

at::Tensor lane_gradients(Replica& replica, const ModelState& state, const models::Objective& objective, const StepContext& step, int64_t lane,
                          const datasets::RowBatch& rows, const std::vector<at::Tensor>& embedded, GradientSink& sink) {
  std::optional<core::TrackSpan> span;
  if (step.recorder != nullptr) span.emplace(*step.recorder, step.track, core::Phase::kForward, "forward");
  load_states(replica, state);
  models::Batch batch{models::dense_view(rows, replica.dense_width), embedded};

  at::Tensor weights = at::empty({rows.rows}, at::kFloat);
  for (int64_t r = 0; r < rows.rows; ++r) weights.data_ptr<float>()[r] = rows.weights[r] * objective.class_weight(rows.labels[r]);
  const at::Tensor labels = at::from_blob(rows.labels, {rows.rows}, at::kFloat);

  models::Random random(step.seed, step.step, lane, true);
  const models::Outputs outputs = forward(*replica.net, batch, random, step.precision);
  const at::Tensor loss = objective.loss_sum(outputs, labels, weights) / step.global_weight;

  span.reset();
  if (step.recorder != nullptr) span.emplace(*step.recorder, step.track, core::Phase::kBackward, "backward");
  *replica.gradient = &sink;
  torch::autograd::backward({step.loss_scale ? loss * *step.loss_scale : loss}, {});
  *replica.gradient = nullptr;
  return loss.detach();
}

void compute_lane(Replica& replica, const ModelState& state, const models::Objective& objective, const StepContext& step, int64_t lane,
                  const datasets::RowBatch& rows, const std::vector<at::Tensor>& embedded, LaneGradient& gradient, bool stop, GradientSink* first) {
  const FlatLayout& layout = state.layout();
  std::memset(gradient.tail(), 0, static_cast<std::size_t>(layout.tail().floats) * sizeof(float));
  gradient.tail()[layout.stop() - layout.tail().begin] = stop ? 1 : 0;
  if (rows.rows == 0) {
    gradient.finish();
    return;
  }
  const at::Tensor loss = lane_gradients(replica, state, objective, step, lane, rows, embedded, first != nullptr ? *first : gradient);

  const at::NoGradGuard no_grad;
  take_leaves(embedded, step.loss_scale.has_value(), gradient);
  gradient.tail()[layout.overflow() - layout.tail().begin] = gradient.finite() ? 0 : 1;
  store_states(replica, layout, static_cast<double>(rows.rows) / step.global_rows, gradient.tail());
  gradient.tail()[layout.loss() - layout.tail().begin] = loss.item<float>();
  gradient.finish();
}

}  // namespace cohort::trainer
