// Whether all ranks are about to take the same steps.
#pragma once

#include "core/comm/communicator.h"
#include "trainer/bucket_plan.h"
#include "trainer/model_state.h"

namespace cohort::trainer {

/// Collective. Throws Error (failed) on all ranks, naming one, where they cut lanes, buckets or tables differently.
void agree_on_step(core::Communicator& comm, ModelState& state, const BucketPlan& plan, int64_t lanes);

}  // namespace cohort::trainer
