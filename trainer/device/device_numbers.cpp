#include "trainer/device/device_numbers.h"

#include "core/philox.h"

namespace cohort::trainer {

void DeviceDraws::fill_mask(at::Tensor& out, uint64_t seed, uint32_t stream, float keep, float value) {
  draw({.mask = true, .threshold = core::KeyedRandom::threshold_of(keep), .value = value}, out, seed, stream);
}

void DeviceDraws::fill_uniform(at::Tensor& out, uint64_t seed, uint32_t stream) { draw({}, out, seed, stream); }

void DeviceDraws::draw(DrawNumbers kernel, at::Tensor& out, uint64_t seed, uint32_t stream) {
  constexpr int64_t kNumbersInABlock = 4;
  const auto key = core::KeyedRandom(seed, "forward").key();
  kernel.key0 = key[0];
  kernel.key1 = key[1];
  kernel.stream = stream;
  kernel.scalars = scalars_;
  kernel.out = out.data_ptr<float>();
  kernel.count = out.numel();
  device_.run(kernel, (kernel.count + kNumbersInABlock - 1) / kNumbersInABlock);
}

}  // namespace cohort::trainer
