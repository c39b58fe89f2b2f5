// A net's parameters, tables and running state in flat buffers, and the replicas that compute with them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "models/artifact/safetensors.h"
#include "models/model.h"
#include "models/objective.h"
#include "trainer/flat_layout.h"

namespace cohort::trainer {

/// All that determines a net before training.
struct NetSpec {
  std::string model;
  std::shared_ptr<const void> options;
  models::Layout layout;
  int64_t outputs = 1;
  uint64_t seed = 0;
};

/// One instance of the net whose parameters are views of the shared flat buffer. Used by one thread at a time.
struct Replica {
  std::shared_ptr<models::Net> net;
  std::vector<at::Tensor> parameters;  ///< in FlatLayout::parameters() order
  std::vector<at::Tensor> states;      ///< in FlatLayout::states() order; own memory
  int64_t dense_width = 0, categorical_count = 0;  ///< of the features the net was built for
};

class ModelState {
 public:
  /// Builds the first replica and initialises everything from the seed: the same bits on every rank.
  explicit ModelState(const NetSpec& spec);

  const FlatLayout& layout() const { return *layout_; }
  const std::vector<models::TableSpec>& tables() const { return tables_; }
  at::Tensor& values() { return values_; }   ///< [parameter_floats]
  at::Tensor& state() { return state_; }     ///< [state_floats]
  const at::Tensor& state() const { return state_; }

  /// A further instance over the same parameters.
  Replica make_replica() const;

  /// [rows, dim] view of a table.
  at::Tensor table(std::size_t i) const;
  /// Parameters, running state and tables (as `tables.<name>`), in name order; views where float.
  models::NamedTensors named() const;
  /// Copies values in; every name must be there with its shape. Throws Error (damaged) naming `origin`.
  void load(const std::map<std::string, at::Tensor>& tensors, const std::string& origin);

 private:
  NetSpec spec_;
  std::vector<models::TableSpec> tables_;
  std::optional<FlatLayout> layout_;
  at::Tensor values_, state_;
};

/// The net as exporter and scorer see it: weights cloned, requires_grad off.
models::ServedNet served_net(ModelState& state, const models::Objective& objective);

}  // namespace cohort::trainer
