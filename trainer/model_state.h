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
#include "trainer/embeddings/embedding_tables.h"
#include "trainer/flat_layout.h"
#include "trainer/gradient_sink.h"
#include "trainer/parameter_memory.h"

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
  /// Where backward puts a parameter's gradient as soon as it is complete; set for the length of a backward pass.
  std::shared_ptr<GradientSink*> gradient;
};

/// What a net is made of, without its memory.
struct NetShape {
  FlatLayout layout;
  std::vector<models::TableSpec> tables;
};
NetShape shape_of(const NetSpec& spec);

/// The table shapes that a plan is made for.
std::vector<TableShape> table_shapes(const std::vector<models::TableSpec>& tables);

class ModelState {
 public:
  /// Collective. Initialises everything from the seed: the same bits on any number of ranks and under any plan.
  ModelState(const NetSpec& spec, core::Communicator& comm, EmbeddingPlan plan);

  const FlatLayout& layout() const { return *layout_; }
  const std::vector<models::TableSpec>& specs() const { return specs_; }  ///< of the tables
  at::Tensor& values() { return values_; }   ///< [parameter_floats]; on one node one memory for all ranks
  at::Tensor& state() { return state_; }     ///< [state_floats]; each rank's own, equal everywhere
  const at::Tensor& state() const { return state_; }
  EmbeddingTables& tables() { return *tables_; }
  ParameterMemory& memory() { return *memory_; }

  /// A further instance over the same parameters.
  Replica make_replica() const { return make_replica(values_); }
  /// One over a copy of them, on the device of the copy.
  Replica make_replica(const at::Tensor& values) const;

  /// Collective. Parameters, running state and tables (as `tables.<name>`), in name order, on rank 0; views where they lie here. Empty elsewhere.
  models::NamedTensors gather() const;
  /// Collective, every rank with the same tensors. Copies values in; every name must be there with its shape. Throws Error (damaged) naming `origin`.
  void load(const std::map<std::string, at::Tensor>& tensors, const std::string& origin);

 private:
  core::Communicator& comm_;
  NetSpec spec_;
  std::vector<models::TableSpec> specs_;
  std::optional<FlatLayout> layout_;
  std::unique_ptr<ParameterMemory> memory_;
  std::unique_ptr<EmbeddingTables> tables_;
  at::Tensor values_, state_;
};

/// The net as exporter and scorer see it: weights cloned, requires_grad off. `weights`: what gather() gave rank 0. Local.
models::ServedNet served_net(ModelState& state, const models::Objective& objective, const models::NamedTensors& weights);

}  // namespace cohort::trainer
