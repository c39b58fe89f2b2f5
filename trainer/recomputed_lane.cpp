#include "trainer/recomputed_lane.h"

#include <fmt/format.h>
#include <xxhash.h>

#include "core/error.h"

namespace cohort::trainer {

NotedGradients::NotedGradients(std::size_t parameters, GradientSink* next, std::function<void(at::Tensor&)> spoil)
    : hashes_(parameters, 0), next_(next), spoil_(std::move(spoil)) {}

void NotedGradients::put(std::size_t parameter, const at::Tensor& gradient) {
  at::Tensor values = gradient.contiguous();
  if (spoil_) spoil_(values);
  hashes_[parameter] = XXH3_64bits(values.const_data_ptr(), values.nbytes());
  if (next_ != nullptr) next_->put(parameter, values);
}

int64_t NotedGradients::first_difference(const NotedGradients& other) const {
  for (std::size_t p = 0; p < hashes_.size(); ++p)
    if (hashes_[p] != other.hashes_[p]) return static_cast<int64_t>(p);
  return -1;
}

void compare_again(const NotedGradients& noted, Replica& replica, const ModelState& state, const models::Objective& objective, const StepContext& step, int64_t lane,
                   const datasets::RowBatch& rows, const std::vector<at::Tensor>& embedded) {
  std::vector<at::Tensor> leaves;
  for (const at::Tensor& leaf : embedded) leaves.push_back(leaf.detach().requires_grad_(true));
  NotedGradients again(replica.parameters.size());
  lane_gradients(replica, state, objective, step, lane, rows, leaves, again);
  const int64_t different = noted.first_difference(again);
  if (different < 0) return;
  throw core::failed_error(fmt::format("lane {} of step {} was computed twice with different results: the gradient of '{}' has other bits the second time", lane, step.step,
                                       state.layout().parameters()[static_cast<std::size_t>(different)].name),
                           "this machine's processor or memory can't be trusted: leave it out, check it, and go on from the last checkpoint with --resume");
}

}  // namespace cohort::trainer
