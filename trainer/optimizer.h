// Optimizers: libtorch's fused kernels over the flat buffer of dense parameters, own rules for the rows of embedding tables.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/comm/communicator.h"
#include "core/options.h"
#include "models/artifact/safetensors.h"
#include "trainer/flat_layout.h"
#include "trainer/optimizers/row_rule.h"

namespace cohort::trainer {

class Device;
class DeviceTransport;
struct StepScalars;

const core::Alternatives& optimizer_alternatives();  ///< adam, adamw, adagrad, lamb, sgd: for the `[optimizer]` table

/// What an update on a device reads: everything lies there, so that nobody waits for it.
struct DeviceUpdate {
  at::Tensor gradient;  ///< [parameter_floats]
  at::Tensor rate;      ///< [], float32 (float64 where the device is a processor)
  at::Tensor count;     ///< [] float32: the number of this step, from 1 on
  at::Tensor skip;      ///< [] float32: not 0 where the step changes nothing
  const StepScalars* scalars = nullptr;
  Device* device = nullptr;
  DeviceTransport* transport = nullptr;
};

/// Every rank updates its own ranges of the dense parameters and keeps their state alone; who owns what doesn't change a bit.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  virtual double base_rate() const = 0;
  /// Collective. One update of the owned ranges of `values` [parameter_floats] from `gradient` (same places) at rate `rate`; `step` counts from 0.
  virtual void step(at::Tensor& values, float* gradient, uint64_t step, double rate, core::Communicator& comm) = 0;
  /// From here on state and updates are on this device.
  virtual void move_to(c10::Device where) = 0;
  /// Whether step_on_device() is collective.
  virtual bool exchanges() const { return false; }
  /// The same update, asked of the device of `values`.
  virtual void step_on_device(at::Tensor& values, const DeviceUpdate& update) = 0;
  /// The state to checkpoint, [parameter_floats] each; only the owned ranges mean anything.
  virtual models::NamedTensors state() const = 0;
  /// For embedding tables.
  virtual const RowRule& row_rule() const = 0;
  virtual const std::vector<UpdateSettings>& table_settings() const = 0;  ///< in the order of the tables
};

/// `owned`: lines of the flat buffer that this rank updates. `tables`: names. Throws Error (usage) for a group that no parameter belongs to. The layout must
/// outlive the optimizer.
std::unique_ptr<Optimizer> make_optimizer(const core::Choice& choice, const FlatLayout& layout, std::vector<FlatRange> owned,
                                          const std::vector<std::string>& tables);

}  // namespace cohort::trainer
