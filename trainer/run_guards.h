// The checks that a run makes of itself every guard.check_every steps, on processors.
#pragma once

#include <memory>

#include "core/comm/communicator.h"
#include "trainer/integrity.h"
#include "trainer/model_state.h"
#include "trainer/step_runner.h"

namespace cohort::trainer {

class RunGuards {
 public:
  /// `own`: this rank's memory. `every` 0: no checks. References must outlive this.
  RunGuards(ModelState& model, const StepRunner& runner, const std::vector<Piece>& own, int64_t every, core::Communicator& comm);

  /// Collective. After step `step` (from 0 on), all of whose changes are published.
  void after_step(uint64_t step);
  /// Local. The gradient of a step is there, and nothing was changed yet.
  void before_update() { seal_.compare(); }
  /// Local. Before a checkpoint is made of the memory.
  void before_save() const { seal_.look(); }
  /// Training goes on from something else.
  void forget() { seal_.forget(); }

 private:
  std::vector<ReplicatedPart> replicated() const;

  ModelState& model_;
  const StepRunner& runner_;
  core::Communicator& comm_;
  int64_t every_;
  MemorySeal seal_;
};

/// Whether step `step` (from 0 on) is one that is checked.
inline bool check_due(int64_t every, uint64_t step) { return every > 0 && (step + 1) % static_cast<uint64_t>(every) == 0; }

}  // namespace cohort::trainer
