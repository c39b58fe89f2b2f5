// Recording a forward pass with libtorch's tracer.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "models/export/trace.h"

namespace cohort::models {

using NamedTensorList = std::vector<std::pair<std::string, at::Tensor>>;

/// Runs `forward` once on `inputs` and records the operators. Constants that are one of `weights` (same memory, shape
/// and type) are marked as such. Gradients are off meanwhile. Local; the tracer's state is this thread's own. Throws
/// Error (usage) when forward throws.
Trace record_trace(const std::function<at::Tensor(const std::vector<at::Tensor>&)>& forward, const std::vector<at::Tensor>& inputs,
                   const NamedTensorList& weights);

/// A tensor's values by copy, row-major. Throws Error (usage) for a type that ONNX graphs here can't hold.
OnnxTensor to_onnx(const at::Tensor& tensor);

}  // namespace cohort::models
