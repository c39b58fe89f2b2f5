// Objectives: from a net's outputs and the labels to a loss that is a sum, and to the prediction that is served.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/options.h"
#include "models/export/onnx_exporter.h"
#include "models/model.h"

namespace cohort::models {

/// Local, stateless, callable from any thread.
class Objective {
 public:
  virtual ~Objective() = default;
  /// Values a row that the net must give.
  virtual int64_t outputs() const = 0;
  virtual Link link() const = 0;
  /// Σ over rows of weight·loss, a scalar. labels [B] float32 (a class index for multi-class), weights [B] float32.
  virtual at::Tensor loss_sum(const Outputs& outputs, const at::Tensor& labels, const at::Tensor& weights) const = 0;
  /// The weight of a row's class; 1 for regression. Row weights are multiplied by it before the global weight is summed.
  virtual float class_weight(float label) const { return 1.0f; }
  /// The task: "binary", "multiclass" or "regression": which metrics apply.
  virtual std::string task() const = 0;
};

const core::Alternatives& objective_alternatives();  ///< binary, multiclass, regression: for the `[objective]` table
/// `classes` is the number of label classes of the dataset (2 for binary, 0 for regression).
std::unique_ptr<Objective> make_objective(const core::Choice& choice, int64_t classes);

}  // namespace cohort::models
