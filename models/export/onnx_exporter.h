// One exporter for every model: raw columns in, prediction out, as one ONNX graph (IR 8, opset 17, ai.onnx.ml 3).
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "datasets/features/features.h"

#include "models/table_ids.h"

namespace cohort::models {

/// From the net's output to the prediction.
enum class Link { kIdentity, kSigmoid, kSoftmax };

/// A trained net as the exporter and the scorer see it. All tensors on the CPU, float32, requires_grad off.
struct ServedNet {
  struct Table {
    std::string name;
    int64_t feature = 0;  ///< position in FittedFeatures::categorical, or of sequences where vectors are pooled
    at::Tensor values;    ///< [rows, dim]
    Pooling pooling{};
  };
  /// dense [B, F] and per table [B, dim] → "logit" [B, K]. Must not depend on B, and use no random number.
  std::function<at::Tensor(const at::Tensor& dense, const std::vector<at::Tensor>& embedded)> forward;
  std::vector<std::pair<std::string, at::Tensor>> weights;  ///< parameters and buffers by name
  std::vector<Table> tables;
  Link link = Link::kSigmoid;
};

/// The bytes of `model.onnx`. Inputs: one a raw column, named as it, [N, 1]: dense float32 (NaN missing), categorical
/// string ("" missing) or int64 (INT64_MIN missing). Output `prediction` float32 [N, K] (K = 1 but for softmax).
/// `forward` is recorded with torch::jit::tracer at several batch sizes; sizes that follow the batch become shape
/// expressions. Throws Error (usage) that names an operator that can't be exported, or a constant that follows the
/// batch in no known way.
std::string export_onnx(const datasets::FittedFeatures& features, const ServedNet& net, const std::map<std::string, std::string>& metadata);

}  // namespace cohort::models
