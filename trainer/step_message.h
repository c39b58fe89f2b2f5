// What each rank tells all others about a step before it begins, and what follows from all of it.
#pragma once

#include <span>
#include <vector>

#include "core/comm/communicator.h"
#include "datasets/loader/loader.h"
#include "datasets/loader/row_sum.h"
#include "models/objective.h"

namespace cohort::trainer {

/// Known of the global batch once all ranks' messages are read.
struct StepSummary {
  datasets::RowSum used;
  double weight = 0;          ///< Σ over lanes, in lane order: the same number on any number of ranks; 1 where no row has weight
  uint64_t most_bytes = 0;    ///< the largest that any rank named
  bool stop = false;          ///< any rank was asked to
};

/// Bytes of a message, equal on all ranks.
std::size_t step_message_bytes(int64_t lanes, int ranks);
/// `bytes`: of the memory for gradients of table rows that this rank needs.
core::Bytes step_message(const datasets::Loader::Step& rows, const models::Objective& objective, const datasets::RowHash& hash, uint64_t bytes, bool stop,
                         std::size_t message_bytes);
/// `messages`: in rank order.
StepSummary read_step_messages(std::span<const std::span<const std::byte>> messages);

}  // namespace cohort::trainer
