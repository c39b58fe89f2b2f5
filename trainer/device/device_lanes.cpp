#include "trainer/device/device_lanes.h"

#include <optional>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_amp_foreach_non_finite_check_and_unscale.h>
#include <ATen/ops/_foreach_copy.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/split_with_sizes.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/autograd.h>

namespace cohort::trainer {

DeviceLanes::DeviceLanes(Device& device, DeviceSums& sums, Replica& replica, const FlatLayout& layout, const models::Objective& objective,
                         const std::vector<models::TableSpec>& specs, DeviceDraws& draws, DeviceContext context)
    : device_(device), sums_(sums), replica_(replica), layout_(layout), plan_(sums.plan()), objective_(objective), specs_(specs), draws_(draws), context_(std::move(context)),
      lanes_(static_cast<std::size_t>(sums.last_lane() - sums.first_lane())) {
  for (const models::TableSpec& spec : specs) leaf_width_ += spec.dim;
  overflow_ = at::zeros({1}, at::TensorOptions().dtype(at::kFloat).device(device.where()));
}

bool DeviceLanes::resize(const std::vector<int64_t>& rows) {
  bool same = true;
  for (std::size_t l = 0; l < lanes_.size(); ++l) same = same && lanes_[l].rows == rows[l] && lanes_[l].dense.defined();
  if (same) return false;
  const at::NoGradGuard no_grad;
  const at::TensorOptions floats = at::TensorOptions().dtype(at::kFloat).device(device_.where());
  int64_t gradient_floats = 0;
  for (std::size_t l = 0; l < lanes_.size(); ++l) {
    Lane& lane = lanes_[l];
    lane.rows = rows[l];
    lane.dense = at::empty({lane.rows, replica_.dense_width}, floats);
    lane.labels = at::empty({lane.rows}, floats);
    lane.weights = at::empty({lane.rows}, floats);
    lane.leaf = at::empty({lane.rows * leaf_width_}, floats);
    lane.gradient_at = gradient_floats;
    gradient_floats += lane.rows * leaf_width_;
  }
  gradients_ = at::empty({gradient_floats}, floats);
  return true;
}

void DeviceLanes::take_inputs(std::size_t l, const datasets::RowBatch& on_device) {
  const at::NoGradGuard no_grad;
  Lane& lane = lanes_[l];
  if (lane.rows == 0) return;
  const at::TensorOptions floats = at::TensorOptions().dtype(at::kFloat).device(device_.where());
  lane.dense.copy_(at::from_blob(on_device.dense, lane.dense.sizes(), floats));
  lane.labels.copy_(at::from_blob(on_device.labels, lane.labels.sizes(), floats));
  lane.weights.copy_(at::from_blob(on_device.weights, lane.weights.sizes(), floats));
}

void DeviceLanes::compute(double global_rows) {
  for (std::size_t l = 0; l < lanes_.size(); ++l) compute_lane(l, global_rows);
}

void DeviceLanes::compute_lane(std::size_t l, double global_rows) {
  at::Tensor& vector = sums_.begin_lane();
  vector_ = &vector;
  const FlatRange tail = layout_.tail();
  const std::size_t buckets = plan_.buckets().size();
  {
    const at::NoGradGuard no_grad;
    vector.narrow(0, tail.begin, tail.floats).zero_();
  }
  if (lanes_[l].rows == 0) {
    const at::NoGradGuard no_grad;
    vector.zero_();
    for (std::size_t b = 0; b < buckets; ++b) sums_.complete(b);
  } else {
    arrived_.assign(buckets, {});
    places_.assign(buckets, {});
    missing_.clear();
    for (std::size_t b = 0; b < buckets; ++b) missing_.push_back(plan_.parameters_in(b));
    there_.assign(layout_.parameters().size(), false);
    forward_backward(lanes_[l], sums_.first_lane() + static_cast<int64_t>(l), vector, global_rows);
  }
  const bool last = l + 1 == lanes_.size();
  if (last && !context_.scaled) check_all(vector);
  sums_.complete(buckets);
  sums_.end_lane();
}

void DeviceLanes::forward_backward(Lane& lane, int64_t number, at::Tensor& vector, double global_rows) {
  std::optional<core::Span> span;
  if (context_.recorder != nullptr) span.emplace(*context_.recorder, core::Phase::kForward);
  {
    const at::NoGradGuard no_grad;
    overflow_.zero_();
    for (std::size_t i = 0; i < replica_.states.size(); ++i) {
      const FlatEntry& entry = layout_.states()[i];
      replica_.states[i].copy_(context_.state.narrow(0, entry.offset - layout_.state_begin(), entry.numel).view(entry.shape));
    }
  }
  // One leaf for all tables: its gradient comes in one piece.
  models::Batch batch{lane.dense, {}};
  at::Tensor leaf;
  if (!specs_.empty()) {
    leaf = lane.leaf.detach().requires_grad_(true);
    std::vector<int64_t> sizes;
    for (const models::TableSpec& spec : specs_) sizes.push_back(lane.rows * spec.dim);
    const std::vector<at::Tensor> parts = at::split_with_sizes(leaf, sizes);
    for (std::size_t t = 0; t < specs_.size(); ++t) batch.embedded.push_back(parts[t].view({lane.rows, specs_[t].dim}));
  }
  models::Random random(context_.seed, 0, number, true, &draws_);
  models::Outputs outputs;
  {
    const models::Autocast lower(context_.precision, device_.where().type());
    outputs = replica_.net->forward(batch, random);
  }
  for (auto& [name, values] : outputs) values = values.to(at::kFloat);
  const at::Tensor loss = objective_.loss_sum(outputs, lane.labels, lane.weights) / context_.weight;

  span.reset();
  if (context_.recorder != nullptr) span.emplace(*context_.recorder, core::Phase::kBackward);
  *replica_.gradient = this;
  torch::autograd::backward({context_.scaled ? loss * context_.loss_scale : loss}, {});
  *replica_.gradient = nullptr;

  const at::NoGradGuard no_grad;
  for (std::size_t p = 0; p < there_.size(); ++p)
    if (!there_[p]) put(p, {});
  if (leaf.defined()) {
    at::Tensor to = gradients_.narrow(0, lane.gradient_at, leaf.numel());
    if (leaf.grad().defined()) to.copy_(leaf.grad());
    else to.zero_();
    if (context_.scaled) at::_amp_foreach_non_finite_check_and_unscale_({to}, overflow_, context_.inverse_scale);
  }
  store_states(vector, static_cast<double>(lane.rows) / global_rows);
  vector.narrow(0, layout_.loss(), 1).copy_(loss.detach().view({1}));
  vector.narrow(0, layout_.overflow(), 1).copy_(overflow_);
}

/// What isn't finite in a lane isn't in the sum either: where nothing has to be scaled, one look at the rank's sums does for all of its lanes. The last lane's tail tells.
void DeviceLanes::check_all(at::Tensor& vector) {
  const at::NoGradGuard no_grad;
  overflow_.zero_();
  float* const flag = overflow_.data_ptr<float>();
  for (const at::Tensor& root : sums_.roots()) device_.run(FindNotFinite{root.data_ptr<float>(), flag}, layout_.parameter_floats());
  device_.run(FindNotFinite{gradients_.data_ptr<float>(), flag}, gradients_.numel());
  vector.narrow(0, layout_.overflow(), 1).copy_(overflow_);
}

/// The lane's running state, times its share of the rows: the tree's sum is then their mean.
void DeviceLanes::store_states(at::Tensor& vector, double share) {
  for (std::size_t i = 0; i < replica_.states.size(); ++i) {
    const FlatEntry& entry = layout_.states()[i];
    at::Tensor to = vector.narrow(0, entry.offset, entry.numel).view(entry.shape);
    at::mul_out(to, replica_.states[i], at::scalar_tensor(static_cast<float>(share), to.options()));
  }
}

void DeviceLanes::put(std::size_t parameter, const at::Tensor& gradient) {
  const at::NoGradGuard no_grad;
  const std::size_t bucket = plan_.bucket_of(parameter);
  const FlatEntry& entry = layout_.parameters()[parameter];
  at::Tensor place = vector_->narrow(0, entry.offset, entry.numel).view(entry.shape);
  if (gradient.defined()) {
    arrived_[bucket].push_back(gradient);
    places_[bucket].push_back(std::move(place));
  } else {
    place.zero_();
  }
  there_[parameter] = true;
  if (--missing_[bucket] == 0) complete_bucket(bucket);
}

void DeviceLanes::complete_bucket(std::size_t bucket) {
  if (!arrived_[bucket].empty()) at::_foreach_copy_(places_[bucket], arrived_[bucket]);
  arrived_[bucket].clear();
  places_[bucket].clear();
  if (context_.scaled) {
    const FlatRange range = plan_.buckets()[bucket];
    at::_amp_foreach_non_finite_check_and_unscale_({vector_->narrow(0, range.begin, range.floats)}, overflow_, context_.inverse_scale);
  }
  sums_.complete(bucket);
}

}  // namespace cohort::trainer
