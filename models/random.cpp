#include "models/random.h"

#include <ATen/ops/empty.h>
#include <ATen/TensorOperators.h>

#include "core/philox.h"

namespace cohort::models {
namespace {

/// Step, lane and call together key the stream; 2^32 steps and 2^12 calls of 2^20 lanes are beyond any run.
uint32_t stream_of(int64_t lane, uint32_t call) { return static_cast<uint32_t>(lane) << 12 | call; }
core::KeyedRandom numbers_of(uint64_t seed, uint64_t step, uint32_t stream) { return core::KeyedRandom(seed, "forward", static_cast<uint32_t>(step), stream); }

std::span<float> values(at::Tensor& t) { return {t.data_ptr<float>(), static_cast<std::size_t>(t.numel())}; }

/// Numbers are drawn in float32 whatever the type of x.
at::Tensor empty_like_float(const at::Tensor& x) { return at::empty(x.sizes(), x.options().dtype(at::kFloat).requires_grad(false)); }

}  // namespace

at::Tensor Random::dropout(const at::Tensor& x, double p) {
  if (!training_ || p == 0) return x;
  at::Tensor mask = empty_like_float(x);
  const auto keep = static_cast<float>(1.0 - p);
  const uint32_t stream = stream_of(lane_, calls_++);
  if (device_ != nullptr) device_->fill_mask(mask, seed_, stream, keep, 1.0f / keep);
  else numbers_of(seed_, step_, stream).fill_mask(values(mask), keep, 1.0f / keep);
  return x * mask.to(x.scalar_type());
}

at::Tensor Random::uniform_like(const at::Tensor& x) {
  at::Tensor numbers = empty_like_float(x);
  const uint32_t stream = stream_of(lane_, calls_++);
  if (device_ != nullptr) device_->fill_uniform(numbers, seed_, stream);
  else numbers_of(seed_, step_, stream).fill_uniform(values(numbers));
  return numbers.to(x.scalar_type());
}

}  // namespace cohort::models
