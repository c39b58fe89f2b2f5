// A lane computed twice: a processor that computes wrongly, or memory that forgets, gives other bits the second time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "trainer/gradient_sink.h"
#include "trainer/lane_step.h"

namespace cohort::trainer {

/// Notes the hash of every parameter's gradient on its way. One thread at a time.
class NotedGradients final : public GradientSink {
 public:
  /// `next`: where gradients go on to; null: nowhere. `spoil`: may change a gradient before it is looked at (a drill).
  explicit NotedGradients(std::size_t parameters, GradientSink* next = nullptr, std::function<void(at::Tensor&)> spoil = {});
  void put(std::size_t parameter, const at::Tensor& gradient) override;

  /// The first parameter, in their order, whose gradient has other bits there; −1 where all are equal.
  int64_t first_difference(const NotedGradients& other) const;

 private:
  std::vector<uint64_t> hashes_;  ///< 0: unused in forward
  GradientSink* next_;
  std::function<void(at::Tensor&)> spoil_;
};

/// Computes the lane once more and compares. Throws Error (failed), this rank's own, where the bits differ. `noted`: of the first time.
void compare_again(const NotedGradients& noted, Replica& replica, const ModelState& state, const models::Objective& objective, const StepContext& step, int64_t lane,
                   const datasets::RowBatch& rows, const std::vector<at::Tensor>& embedded);

}  // namespace cohort::trainer
