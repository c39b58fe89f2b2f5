// What the loop knows of a step, wherever it is computed.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "datasets/loader/loader.h"
#include "datasets/loader/row_sum.h"
#include "trainer/flat_layout.h"
#include "trainer/loss_scaler.h"
#include "trainer/model_state.h"
#include "trainer/optimizer.h"

namespace cohort::trainer {

/// What a step was.
struct StepOutcome {
  double loss = 0;          ///< Σ weight·loss / Σ weight over the global batch
  double weight = 0;        ///< Σ of row weight × class weight over the global batch
  datasets::RowSum used;    ///< of the rows that the lanes were computed from
  bool stop = false;        ///< a rank was asked to stop
  bool skipped = false;     ///< a gradient wasn't finite in float16: nothing was changed, and the loss's scale is smaller now
  bool refused = false;     ///< the gradient isn't finite, and not for float16: nothing was changed
  std::string first_bad;    ///< where the first number that isn't finite came from, on the rank that computed it and knows
};

/// Seconds that the tables took on this rank since the beginning.
struct TableSeconds {
  double lookup = 0, exchange = 0, update = 0;  ///< without waiting
  double waiting = 0;  ///< for rows and gradients of other ranks: what their way there takes longer than what is done meanwhile
  uint64_t steps = 0;
};

/// Adds the time that it lives to a number of seconds.
class AddSeconds {
 public:
  explicit AddSeconds(double& seconds) : seconds_(seconds) {}
  ~AddSeconds() { seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }
  AddSeconds(const AddSeconds&) = delete;
  AddSeconds& operator=(const AddSeconds&) = delete;

 private:
  double& seconds_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// A step goes: run() computes and updates what was prepared, prepare() looks at the rows of the next one, settle() lets every rank see both, and outcome()
/// tells what run() came to. On a device run() only asks for the work, prepare() goes on beside it, and outcome() waits. All are collective, as are construction and
/// destruction. The bits of parameters and tables don't depend on ranks, threads, buckets or the embedding plan.
class StepRunner {
 public:
  virtual ~StepRunner() = default;

  /// Of this rank: [first, last).
  virtual int64_t first_lane() const = 0;
  virtual int64_t last_lane() const = 0;
  virtual Optimizer& optimizer() = 0;
  virtual LossScaler& scaler() = 0;
  virtual const TableSeconds& table_seconds() const = 0;
  /// Of each rank: the ranges of the dense parameters that it updates.
  virtual const std::vector<std::vector<FlatRange>>& owned() const = 0;

  /// How many steps can be prepared before the first of them is run, 1 or 2. With 2 a step's ids travel while the step before it is computed; fewer does no harm.
  virtual int steps_ahead() const { return 1; }
  /// The rows of this rank's lanes of the next step.
  virtual void prepare(datasets::Loader::Step rows) = 0;
  /// Computes and updates the first step that was prepared and not run. `rate`: the optimizer's for this step.
  virtual void run(double rate) = 0;
  virtual void settle() = 0;
  /// Where the loss isn't finite or the step was refused, nothing was changed, and the run can't go on.
  virtual StepOutcome outcome() = 0;

  /// What this rank keeps and updates, as views: its ranges of the dense parameters, the running state, the values of its table shards.
  virtual std::vector<at::Tensor> parts() = 0;
  /// Collective. The parts were changed from outside: all ranks see it.
  virtual void parts_changed() = 0;
  /// Collective. The ModelState holds what was trained.
  virtual void bring_home() {}
  /// Collective. The ModelState was changed: training goes on from what it holds.
  virtual void take_up() {}
  /// Nets that score where the parameters are trained; null where the ModelState's own replicas do.
  virtual std::vector<Replica>* scoring_replicas() { return nullptr; }
};

}  // namespace cohort::trainer
