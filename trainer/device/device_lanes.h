// A rank's lanes on its device: forward, loss and backward of one after another, into the sums.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/flight/recorder.h"
#include "datasets/loader/row_batch.h"
#include "models/autocast.h"
#include "models/objective.h"
#include "trainer/device/device.h"
#include "trainer/device/device_numbers.h"
#include "trainer/device/device_sums.h"
#include "trainer/gradient_sink.h"
#include "trainer/model_state.h"

namespace cohort::trainer {

/// What lies on the device for all lanes of a step.
struct DeviceContext {
  uint64_t seed = 0;
  models::Precision precision = models::Precision::kFloat32;
  bool scaled = false;  ///< the loss, by loss_scale
  at::Tensor state;           ///< [state_floats], of the net
  at::Tensor weight, loss_scale, inverse_scale;  ///< [] float32
  core::Recorder* recorder = nullptr;  ///< of what the host asks for; none of a recording that is played again
};

/// Inputs and leaves of a lane stay where they are from step to step, so that the work can be recorded. One thread; libtorch's backward may call put() on another.
class DeviceLanes final : public GradientSink {
 public:
  /// `leaf_width`: Σ of the tables' dims. References must outlive it.
  DeviceLanes(Device& device, DeviceSums& sums, Replica& replica, const FlatLayout& layout, const models::Objective& objective,
              const std::vector<models::TableSpec>& specs, DeviceDraws& draws, DeviceContext context);

  /// Makes room for lanes of so many rows. Whether anything moved: what was recorded is no longer valid then.
  bool resize(const std::vector<int64_t>& rows);
  int64_t rows(std::size_t lane) const { return lanes_[lane].rows; }
  /// Of a lane, [rows × leaf_width], and of all lanes' gradients.
  at::Tensor& leaf(std::size_t lane) { return lanes_[lane].leaf; }
  int64_t gradient_at(std::size_t lane) const { return lanes_[lane].gradient_at; }
  const float* gradients() const { return gradients_.defined() ? gradients_.data_ptr<float>() : nullptr; }

  /// Copies a lane's inputs from where they were staged on the device; its weights are row weight × class weight.
  void take_inputs(std::size_t lane, const datasets::RowBatch& on_device);
  /// Computes all lanes.
  void compute(double global_rows);

  void put(std::size_t parameter, const at::Tensor& gradient) override;

 private:
  struct Lane {
    int64_t rows = 0;
    at::Tensor dense, labels, weights, leaf;
    int64_t gradient_at = 0;
  };
  void compute_lane(std::size_t lane, double global_rows);
  void forward_backward(Lane& lane, int64_t number, at::Tensor& vector, double global_rows);
  void check_all(at::Tensor& vector);
  void store_states(at::Tensor& vector, double share);
  void complete_bucket(std::size_t bucket);

  Device& device_;
  DeviceSums& sums_;
  Replica& replica_;
  const FlatLayout& layout_;
  const BucketPlan& plan_;
  const models::Objective& objective_;
  const std::vector<models::TableSpec>& specs_;
  DeviceDraws& draws_;
  DeviceContext context_;
  int64_t leaf_width_ = 0;
  std::vector<Lane> lanes_;
  at::Tensor gradients_, overflow_;

  // Of the lane that is computed.
  at::Tensor* vector_ = nullptr;
  std::vector<std::vector<at::Tensor>> arrived_, places_;  ///< [bucket]: gradients, and where they go
  std::vector<int64_t> missing_;
  std::vector<bool> there_;
};

}  // namespace cohort::trainer
