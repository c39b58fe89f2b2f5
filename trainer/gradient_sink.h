// Where backward puts the gradients of parameters.
#pragma once

#include <cstddef>

#include <ATen/core/Tensor.h>

namespace cohort::trainer {

class GradientSink {
 public:
  virtual ~GradientSink() = default;
  /// A parameter's gradient is complete. Called by the thread that runs this part of backward; on a device, with its stream current.
  virtual void put(std::size_t parameter, const at::Tensor& gradient) = 0;
};

}  // namespace cohort::trainer
