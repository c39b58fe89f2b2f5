// Random numbers of a forward pass, drawn on the device: the same ones as on the host.
#pragma once

#include "models/random.h"
#include "trainer/device/device.h"

namespace cohort::trainer {

class DeviceDraws final : public models::DeviceNumbers {
 public:
  /// `scalars`: on the device; its step keys the streams, so that recorded work draws anew each time.
  DeviceDraws(Device& device, const StepScalars* scalars) : device_(device), scalars_(scalars) {}
  void fill_mask(at::Tensor& out, uint64_t seed, uint32_t stream, float keep, float value) override;
  void fill_uniform(at::Tensor& out, uint64_t seed, uint32_t stream) override;

 private:
  void draw(DrawNumbers kernel, at::Tensor& out, uint64_t seed, uint32_t stream);
  Device& device_;
  const StepScalars* scalars_;
};

}  // namespace cohort::trainer
